// Child processes.
//
//   weft::io::command_output log = weft::io::run_command({"git", "log", "-1"});
//   if (!log.status.success()) throw std::runtime_error("git: " + log.status.describe() + ": " + log.errors);
//
//   weft::io::process sorter({"sort"}, {.input = weft::io::piped, .output = weft::io::piped});
//   sorter.input().write_all(text);
//   sorter.input().close();
//   std::string sorted = weft::io::buffered_reader(sorter.output()).read_rest();
//   sorter.wait();
//
// No child is left behind: one that is still running when its object goes, or when the wait for it is cancelled or runs out of time, is asked to
// end (SIGTERM), after a grace killed (SIGKILL), with all of its process group, and its end is awaited.
//
// A child begins with the signal mask empty and every signal at its default, whatever this process ignores; and with no descriptor but
// 0, 1 and 2, whatever this process has open. A program that cannot be run is an error of the start, never an exit code.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/io/detail/open_descriptor.hpp>
#include <weft/io/pipe.hpp>

namespace weft::io {

// How a process has ended.
class exit_status {
 public:
  [[nodiscard]] static exit_status exited(int code) noexcept { return {code, 0}; }
  [[nodiscard]] static exit_status killed(int signal) noexcept { return {0, signal}; }

  // It has returned 0.
  [[nodiscard]] bool success() const noexcept { return code_ == 0 && signal_ == 0; }
  // What it returned, if no signal ended it.
  [[nodiscard]] std::optional<int> code() const noexcept { return signal_ == 0 ? std::optional(code_) : std::nullopt; }
  // The signal that ended it.
  [[nodiscard]] std::optional<int> signal() const noexcept {
    return signal_ != 0 ? std::optional(signal_) : std::nullopt;
  }
  // "exit code 1", "killed by signal 9 (Killed)".
  [[nodiscard]] std::string describe() const;

  friend bool operator==(const exit_status&, const exit_status&) = default;

 private:
  exit_status(int code, int signal) noexcept : code_(code), signal_(signal) {}
  int code_;
  int signal_;
};

// Where one of a child's standard streams leads.
class redirection {
 public:
  // A descriptor of ours that the child gets a copy of. It must be open until the child is started; it stays ours.
  redirection(int descriptor) noexcept
      : how_(how::descriptor), descriptor_(descriptor) {}  // NOLINT(google-explicit-constructor)

  enum class how : std::uint8_t { inherited, nothing, pipe, descriptor, with_output };
  explicit constexpr redirection(how h) noexcept : how_(h) {}
  [[nodiscard]] how kind() const noexcept { return how_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  how how_;
  int descriptor_ = -1;
};
inline constexpr redirection inherited{redirection::how::inherited};      // to where ours leads
inline constexpr redirection to_nothing{redirection::how::nothing};       // /dev/null
inline constexpr redirection piped{redirection::how::pipe};               // to us: input(), output(), errors()
inline constexpr redirection with_output{redirection::how::with_output};  // of errors: to where output leads

struct process_options {
  redirection input = inherited;
  redirection output = inherited;
  redirection errors = inherited;
  // Empty: ours.
  std::filesystem::path directory = {};
  // "NAME=value" each; else ours.
  std::optional<std::vector<std::string>> environment = {};
  // A process group of its own, so that kill_group() and the end reach what it starts in turn. On a terminal such a group is in the
  // background: a child that is to read from it needs `false`; then signals go to the child alone.
  bool own_group = true;
  // How long a child that is asked to end may take.
  std::chrono::nanoseconds grace = std::chrono::seconds(5);
};

// A child. Movable; one fiber at a time waits, others may kill meanwhile. Other code must not wait for "any child" (wait(2)), nor
// SIGCHLD be ignored: how the child ended would be lost (ECHILD).
class process {
 public:
  // Holds no child.
  process() = default;

  // Starts the program: `arguments[0]` is looked for in PATH if it has no slash. Parks; a cancellation point on entry. Throws std::system_error: ENOENT, EACCES and
  // so on, with what was wrong in the message; std::invalid_argument if there are no arguments. A path with a slash is relative to `directory`. About 1 ms.
  explicit process(const std::vector<std::string>& arguments, const process_options& o = {});
  // Ends a child that still runs, as above; parks then.
  ~process();
  process(process&&) noexcept = default;
  process& operator=(process&& other) noexcept;

  // -1 if there is none. Valid until wait() has returned.
  [[nodiscard]] int id() const noexcept { return child_.id.load(std::memory_order_relaxed); }
  // False once wait() or try_wait() has told how it ended.
  [[nodiscard]] explicit operator bool() const noexcept { return id() >= 0; }

  // The other ends of the streams that are `piped`; others are not open. Writing to a child that does not read raises SIGPIPE as for any
  // pipe: a program that feeds children ignores that signal. Close input(), or the child sees no end.
  [[nodiscard]] pipe_writer& input() noexcept { return input_; }
  [[nodiscard]] pipe_reader& output() noexcept { return output_; }
  [[nodiscard]] pipe_reader& errors() noexcept { return errors_; }

  // Parks until the child has ended. If that is cancelled, or a deadline passes, the child is ended, as above, before `cancelled` is thrown.
  // Throws std::system_error (ECHILD) if there is none.
  exit_status wait();
  // The same for at most that long, after which the child runs on. A cancellation ends it all the same.
  std::optional<exit_status> wait_for(std::chrono::nanoseconds limit);
  // Whether it has ended; never parks.
  std::optional<exit_status> try_wait();

  // Sends a signal to the child, or to its group. Nothing happens if it has ended. Never parks. Throws std::system_error, for a number that is no signal.
  void kill(int signal);
  void kill_group(int signal);

  // Ends it now: SIGTERM, the grace, SIGKILL. Parks until it has ended; a cancellation does not cut that short.
  exit_status terminate();

 private:
  // Its number, for others to see while one fiber waits; movable.
  struct number {
    std::atomic<int> id{-1};
    number() = default;
    number(number&& other) noexcept : id(other.id.exchange(-1)) {}
    number& operator=(number&& other) noexcept {
      id.store(other.id.exchange(-1));
      return *this;
    }
  };
  bool await_end(std::chrono::steady_clock::time_point limit);
  exit_status reap();
  void send(int signal, bool group);
  void require_child() const;

  number child_;
  bool own_group_ = false;
  std::chrono::nanoseconds grace_{};
  detail::descriptor_handle end_;  // becomes readable when the child ends (pidfd_open(2))
  pipe_writer input_;
  pipe_reader output_;
  pipe_reader errors_;
};

struct command_options {
  // What the child reads.
  std::string_view input = {};
  std::filesystem::path directory = {};
  std::optional<std::vector<std::string>> environment = {};
  // Bytes of output, and of errors, at most. With more the child is ended and the call throws (EMSGSIZE).
  std::size_t limit = 16 << 20;
  std::chrono::nanoseconds grace = std::chrono::seconds(5);
};

struct command_output {
  exit_status status = exit_status::exited(0);
  std::string output = {};
  std::string errors = {};
};

// Runs a program to its end, and that of its output, and collects what it writes. Parks. Throws std::system_error as the constructor of process does, never for how the
// program has ended. A cancellation, or a deadline, ends the program.
[[nodiscard]] command_output run_command(const std::vector<std::string>& arguments, const command_options& o = {});

}  // namespace weft::io
