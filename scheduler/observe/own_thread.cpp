#include <weft/scheduler/observe/own_thread.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace weft::detail {

namespace {

thread_local bool is_own = false;

#if defined(__SANITIZE_THREAD__)
constexpr int threads_of_sanitizer = 1;
#elif defined(__has_feature)
constexpr int threads_of_sanitizer = __has_feature(thread_sanitizer) ? 1 : 0;
#else
constexpr int threads_of_sanitizer = 0;
#endif

// The kernel's io_uring lists its helpers among our threads.
bool is_kernel_helper(const char* thread) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", thread);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;  // it has just ended
  char name[32] = {};
  const ssize_t size = ::read(fd, name, sizeof name);
  ::close(fd);
  return size > 0 && std::string_view(name, static_cast<std::size_t>(size)).starts_with("iou-");
}

int threads_of_process() noexcept {
  DIR* folder = ::opendir("/proc/self/task");
  if (folder == nullptr) return -1;
  int count = 0;
  // A DIR of our own: readdir is safe.
  while (const dirent* entry = ::readdir(folder)) {  // NOLINT(concurrency-mt-unsafe)
    if (entry->d_name[0] != '.' && !is_kernel_helper(entry->d_name)) ++count;
  }
  ::closedir(folder);
  return count;
}

}  // namespace

bool own_thread::is_current() noexcept { return is_own; }
void own_thread::mark(bool own) noexcept { is_own = own; }

int foreign_threads() noexcept {
  const int all = threads_of_process();
  if (all < 0) return -1;
  return all - own_thread::count() - waiting_threads::count() - threads_of_sanitizer;
}

}  // namespace weft::detail
