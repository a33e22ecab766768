#include <weft/io/terminal.hpp>

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include <weft/io/descriptor.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/unique_fd.hpp>

namespace weft::io {

namespace {

[[gnu::noinline]] int get_mode(int fd, termios& mode) noexcept { return ::tcgetattr(fd, &mode) == 0 ? 0 : -errno; }
// At once: to wait for what is written could take for ever.
[[gnu::noinline]] int set_mode(int fd, const termios& mode) noexcept {
  return ::tcsetattr(fd, TCSANOW, &mode) == 0 ? 0 : -errno;
}

termios checked_mode(int fd) {
  termios mode{};
  if (const int error = get_mode(fd, mode); error < 0) {
    detail::fail(-error, "use descriptor " + std::to_string(fd) + " as a terminal");
  }
  return mode;
}

void change_mode(int fd, const termios& mode) {
  if (const int error = set_mode(fd, mode); error < 0) {
    detail::fail(-error, "set the mode of the terminal, descriptor " + std::to_string(fd));
  }
}

bool is_set(const char* variable) noexcept {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

void erase(std::string& text) noexcept {
  ::explicit_bzero(text.data(), text.capacity());
  text.clear();
}

// Up to the end of the line, which a terminal gives in one piece, unless it is a very long one.
std::string read_line_of(int fd) {
  constexpr std::size_t longest = 4096;
  std::string line;
  line.reserve(longest);  // so that no copy is left in memory
  std::array<std::byte, 1> byte{};
  for (;;) {
    if (io::read(fd, std::span<std::byte>(byte)) == 0) {
      erase(line);
      detail::fail(ECONNABORTED, "read a password: the input ended before the line did");
    }
    const auto c = static_cast<char>(byte[0]);
    byte[0] = {};
    if (c == '\n') return line;
    if (line.size() == longest) {
      erase(line);
      detail::fail(EMSGSIZE, "read a password of more than " + std::to_string(longest) + " bytes");
    }
    line += c;
  }
}

}  // namespace

[[gnu::noinline]] bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

std::optional<terminal_size> size_of_terminal(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return std::nullopt;
  return terminal_size{.columns = size.ws_col, .rows = size.ws_row};
}

bool wants_colour(int fd) noexcept {
  const char* kind = std::getenv("TERM");
  return is_terminal(fd) && is_set("TERM") && std::string_view(kind) != "dumb" && !is_set("NO_COLOR");
}

terminal_mode terminal_mode::raw(int fd) {
  const termios before = checked_mode(fd);
  termios mode = before;
  ::cfmakeraw(&mode);
  change_mode(fd, mode);
  return {fd, before};
}

terminal_mode terminal_mode::hidden(int fd) {
  const termios before = checked_mode(fd);
  termios mode = before;
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  mode.c_lflag |= ICANON;
  change_mode(fd, mode);
  ::tcflush(fd, TCIFLUSH);
  return {fd, before};
}

terminal_mode::terminal_mode(terminal_mode&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}

void terminal_mode::restore() noexcept {
  if (fd_ >= 0) set_mode(std::exchange(fd_, -1), before_);
}

std::string read_password(std::string_view prompt, int terminal) {
  const terminal_mode hidden = terminal_mode::hidden(terminal);
  write_all(terminal, std::as_bytes(std::span(prompt)));
  std::string password = read_line_of(terminal);
  write_all(terminal, std::as_bytes(std::span(std::string_view("\n"))));
  return password;
}

std::string read_password(std::string_view prompt) {
  const detail::unique_fd terminal(io::open("/dev/tty", O_RDWR));
  return read_password(prompt, terminal.get());
}

}  // namespace weft::io
