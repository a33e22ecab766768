// Terminals: is it one, how large is it, keys as they are pressed, passwords. The functions work on a descriptor, which stays the caller's.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

namespace weft::io {

[[nodiscard]] bool is_terminal(int fd) noexcept;

struct terminal_size {
  int columns = 0;
  int rows = 0;
};
// Empty if it is no terminal, or one that does not know. SIGWINCH (scheduler/signals.hpp) tells of changes.
[[nodiscard]] std::optional<terminal_size> size_of_terminal(int fd) noexcept;

// Whether output to it should be coloured: it is a terminal, TERM is neither empty nor "dumb", and NO_COLOR (no-color.org) is not set or empty.
[[nodiscard]] bool wants_colour(int fd) noexcept;

// A terminal in another mode, from construction to destruction, also when an exception or a cancellation passes. A process that is killed
// leaves it as it is (`stty sane` helps). Never parks. Movable.
class terminal_mode {
 public:
  // Keys come as they are pressed: no lines, no echo, no signals by keys, no conversion of what is written. Throws std::system_error (ENOTTY).
  [[nodiscard]] static terminal_mode raw(int fd);
  // Lines as ever, without an echo; what was typed and not read before is dropped. Throws std::system_error (ENOTTY).
  [[nodiscard]] static terminal_mode hidden(int fd);

  ~terminal_mode() { restore(); }
  terminal_mode(terminal_mode&& other) noexcept;
  terminal_mode& operator=(terminal_mode&&) = delete;

  // What the destructor does, now.
  void restore() noexcept;

 private:
  terminal_mode(int fd, const termios& before) noexcept : fd_(fd), before_(before) {}
  int fd_;
  termios before_;
};

// Asks for a password: writes the prompt and reads a line that is not shown. By the given terminal, else by the process's own (/dev/tty), so it works
// with redirected input. Parks; a cancellation point, at which the terminal is put back. Throws std::system_error: ENXIO where there is no
// terminal, ECONNABORTED where the line does not come to its end. Do erase it when it has been used.
[[nodiscard]] std::string read_password(std::string_view prompt);
[[nodiscard]] std::string read_password(std::string_view prompt, int terminal);

}  // namespace weft::io
