// Waiting for child processes. What waits for them inside the C library runs on a helper thread while the fiber is parked.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <weft/io/hooks/detail/detached.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::wait4), "wait4"> real_wait4;
constexpr real_function<decltype(::waitpid), "waitpid"> real_waitpid;
constexpr real_function<decltype(::waitid), "waitid"> real_waitid;
constexpr real_function<decltype(::system), "system"> real_system;
constexpr real_function<decltype(::pclose), "pclose"> real_pclose;

using namespace std::chrono_literals;

[[gnu::noinline]] std::int64_t outcome(std::int64_t result) noexcept { return result >= 0 ? result : negative_errno(); }

[[gnu::noinline]] int open_process(pid_t child) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
}

// A process that is named is waited for by its descriptor. For "any child" there is none: look again, after 1 ms, later after 20.
class child_wait {
 public:
  explicit child_wait(pid_t child) noexcept : process_(child > 0 ? open_process(child) : -1) {}
  ~child_wait() {
    if (process_ >= 0) ::close(process_);
  }
  child_wait(const child_wait&) = delete;
  child_wait& operator=(const child_wait&) = delete;

  std::int64_t again() noexcept {
    if (process_ >= 0 && !ended_) {
      const std::int64_t events = wait_for_events(process_, POLLIN, time_point::max());
      ended_ = events >= 0;  // if it is not to be had then, for a reason of the kernel's, do not spin
      return std::min<std::int64_t>(events, 0);
    }
    const auto pause = std::exchange(pause_, std::min<std::chrono::nanoseconds>(2 * pause_, 20ms));
    return wait_until(limit_after(pause));
  }

 private:
  int process_;
  bool ended_ = false;
  std::chrono::nanoseconds pause_ = 1ms;
};

pid_t wait_for_child(pid_t child, int* status, int options, rusage* used) noexcept {
  const auto look = [&] { return outcome(real_wait4(child, status, options | WNOHANG, used)); };
  std::int64_t found = look();
  if (found == 0) {
    // Stopping and going on is not told by the descriptor.
    child_wait wait((options & (WUNTRACED | WCONTINUED)) != 0 ? -1 : child);
    do {
      if (const std::int64_t failed = wait.again(); failed < 0) return static_cast<pid_t>(leave_with(failed));
      found = look();
    } while (found == 0);
  }
  return static_cast<pid_t>(leave_with(found));
}

// system() and pclose() on a helper thread. The child of one who is cancelled goes on, and is waited for there: system() ignores SIGINT and SIGQUIT
// until then and keeps what they did before where no hook sees it, so its parts cannot be made here beside the real one that threads call.
class child_call : public detachable_call {
 public:
  [[nodiscard]] std::int64_t result() const noexcept { return result_; }

 protected:
  std::int64_t result_ = -1;
};

class command final : public child_call {
 public:
  explicit command(const char* text) : text_(text) {}

 private:
  void run() noexcept override { result_ = outcome(real_system(text_.c_str())); }
  const std::string text_;
};

class stream_end final : public child_call {
 public:
  explicit stream_end(FILE* stream) noexcept : stream_(stream) {}

 private:
  void run() noexcept override { result_ = outcome(real_pclose(stream_)); }
  FILE* const stream_;
};

template <class Call, class Argument>
int status_of(Argument argument) {
  weft::detached<Call> call;
  const std::int64_t begun = run_detached(call, argument);
  return static_cast<int>(leave_with(begun < 0 ? begun : call->result()));
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

pid_t wait4(pid_t child, int* status, int options, rusage* used) {
  if ((options & WNOHANG) != 0 || !may_wait()) return real_wait4(child, status, options, used);
  return wait_for_child(child, status, options, used);
}

pid_t waitpid(pid_t child, int* status, int options) {
  if ((options & WNOHANG) != 0 || !may_wait()) return real_waitpid(child, status, options);
  return wait_for_child(child, status, options, nullptr);
}

pid_t wait3(int* status, int options, rusage* used) { return wait4(-1, status, options, used); }

pid_t wait(int* status) { return waitpid(-1, status, 0); }

int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  if ((options & WNOHANG) != 0 || !may_wait()) return real_waitid(kind, id, info, options);
  siginfo_t own{};
  siginfo_t& found = info != nullptr ? *info : own;
  child_wait wait(kind == P_PID && (options & (WSTOPPED | WCONTINUED)) == 0 ? static_cast<pid_t>(id) : -1);
  for (;;) {
    found.si_pid = 0;
    const std::int64_t result = outcome(real_waitid(kind, id, &found, options | WNOHANG));
    if (result < 0 || found.si_pid != 0) return static_cast<int>(leave_with(result));
    if (const std::int64_t failed = wait.again(); failed < 0) return static_cast<int>(leave_with(failed));
  }
}

int system(const char* text) { return text != nullptr && may_wait() ? status_of<command>(text) : real_system(text); }

int pclose(FILE* stream) { return may_wait() ? status_of<stream_end>(stream) : real_pclose(stream); }

}  // extern "C"
