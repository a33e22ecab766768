#include <weft/scheduler/detail/thread_state.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace weft::detail {

// The state follows the name, which is in parentheses and may contain any character.
thread_state state_of_thread(pid_t thread) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", thread);
  const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return thread_state::unknown;
  std::array<char, 128> text;
  const ssize_t size = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (size <= 0) return thread_state::unknown;
  const std::string_view line(text.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return thread_state::unknown;
  const char state = line[name_end + 2];
  return state == 'S' || state == 'D' ? thread_state::waiting : thread_state::runnable;
}

}  // namespace weft::detail
