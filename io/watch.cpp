#include <weft/io/watch.hpp>

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

constexpr std::uint32_t interest = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE |
                                   IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::size_t bytes_at_once = 16 << 10;

[[gnu::noinline]] int make_queue() noexcept {
  const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return fd >= 0 ? fd : -errno;
}
[[gnu::noinline]] int add_watch(int fd, const char* path) noexcept {
  const int watch = ::inotify_add_watch(fd, path, interest);
  return watch >= 0 ? watch : -errno;
}
[[gnu::noinline]] int remove_watch(int fd, int watch) noexcept {
  return ::inotify_rm_watch(fd, watch) == 0 ? 0 : -errno;
}

int checked_queue() {
  const int fd = make_queue();
  if (fd >= 0) return fd;
  detail::fail(-fd, fd == -EMFILE ? "watch files (raise fs.inotify.max_user_instances, or the limit of open files)"
                                  : "watch files");
}

std::string describe_watcher(int /*fd*/) { return "a watcher of files"; }

// Empty for what is of no interest by itself.
std::optional<change> change_of(std::uint32_t mask) noexcept {
  struct meaning {
    std::uint32_t bit;
    change what;
  };
  constexpr std::array meanings{
      meaning{IN_Q_OVERFLOW, change::overflow},     meaning{IN_CREATE, change::created},
      meaning{IN_DELETE, change::removed},          meaning{IN_MOVED_FROM, change::renamed_from},
      meaning{IN_MOVED_TO, change::renamed_to},     meaning{IN_MODIFY, change::modified},
      meaning{IN_CLOSE_WRITE, change::closed},      meaning{IN_ATTRIB, change::attributes},
      meaning{IN_MOVE_SELF, change::watched_moved}, meaning{IN_IGNORED, change::watched_gone},
  };
  for (const meaning& m : meanings) {
    if ((mask & m.bit) != 0) return m.what;
  }
  return std::nullopt;
}

}  // namespace

watcher::watcher() : descriptor_(checked_queue(), &describe_watcher) {}

void watcher::add(const std::filesystem::path& path) {
  const detail::descriptor_use use(descriptor_, "add to");
  const int watch = blocking([&] { return add_watch(use.fd(), path.c_str()); });
  if (watch < 0) {
    detail::fail(-watch,
                 "watch " + detail::quoted(path) + (watch == -ENOSPC ? " (raise fs.inotify.max_user_watches)" : ""));
  }
  watched_[watch] = path;
}

void watcher::remove(const std::filesystem::path& path) {
  const detail::descriptor_use use(descriptor_, "remove from");
  const auto found = std::find_if(watched_.begin(), watched_.end(), [&](const auto& w) { return w.second == path; });
  if (found != watched_.end()) remove_watch(use.fd(), found->first);
}

std::optional<watch_event> watcher::next() {
  for (;;) {
    while (at_ < end_) {
      if (std::optional<watch_event> event = take()) return event;
    }
    if (watched_.empty()) return std::nullopt;
    fill();
  }
}

// The queue is our own, so it may be set not to block.
void watcher::fill() {
  const detail::descriptor_use use(descriptor_, "read from");
  events_.resize(bytes_at_once);
  at_ = end_ = 0;
  const iovec whole{events_.data(), events_.size()};
  for (;;) {
    const bool on_fiber = detail::begin_call() != nullptr;
    const std::int64_t n = detail::read_blocking(use.fd(), {&whole, 1}, detail::operation::current_position);
    if (n != -EAGAIN) {
      end_ = static_cast<std::size_t>(use.check(n));
      return;
    }
    if (on_fiber) {
      use.check(detail::wait_ready(use.fd(), POLLIN, use.target()));
    } else {
      pollfd ready{.fd = use.fd(), .events = POLLIN, .revents = 0};
      detail::poll_blocking({&ready, 1}, std::chrono::nanoseconds(-1));
    }
  }
}

// Where a watch ends is told by IN_IGNORED, whatever ended it.
std::optional<watch_event> watcher::take() {
  inotify_event raw{};
  std::memcpy(&raw, &events_[at_], sizeof raw);
  const char* name = reinterpret_cast<const char*>(&events_[at_]) + sizeof raw;
  at_ += sizeof raw + raw.len;
  const std::optional<change> what = change_of(raw.mask);
  if (!what) return std::nullopt;
  watch_event event{.what = *what, .is_directory = (raw.mask & IN_ISDIR) != 0, .pair = raw.cookie};
  if (raw.len != 0) event.name = name;
  const auto watched = watched_.find(raw.wd);
  if (watched != watched_.end()) event.watched = watched->second;
  if (*what == change::watched_gone && watched != watched_.end()) watched_.erase(watched);
  return event;
}

}  // namespace weft::io
