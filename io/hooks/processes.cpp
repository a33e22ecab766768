// Waiting for child processes, and calls of the C library's own that wait inside it: those run on a helper thread while the fiber is parked.
//
// A name is looked up by the C library itself, with all that nsswitch.conf says; what needs no question (a numeric address, none at all) is answered
// on the spot. Such a call is not cut short once it has begun.
#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::wait4), "wait4"> real_wait4;
constexpr real_function<decltype(::waitpid), "waitpid"> real_waitpid;
constexpr real_function<decltype(::waitid), "waitid"> real_waitid;
constexpr real_function<decltype(::system), "system"> real_system;
constexpr real_function<decltype(::pclose), "pclose"> real_pclose;
constexpr real_function<decltype(::getaddrinfo), "getaddrinfo"> real_getaddrinfo;
constexpr real_function<decltype(::getnameinfo), "getnameinfo"> real_getnameinfo;
constexpr real_function<decltype(::gethostbyname_r), "gethostbyname_r"> real_gethostbyname_r;
constexpr real_function<decltype(::gethostbyname2_r), "gethostbyname2_r"> real_gethostbyname2_r;
constexpr real_function<decltype(::gethostbyaddr_r), "gethostbyaddr_r"> real_gethostbyaddr_r;
constexpr real_function<decltype(::gethostbyname), "gethostbyname"> real_gethostbyname;
constexpr real_function<decltype(::gethostbyname2), "gethostbyname2"> real_gethostbyname2;

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

// What needs nobody to ask.
bool is_answered_at_once(const char* node, const addrinfo* hints) noexcept {
  if (node == nullptr || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0)) return true;
  std::array<std::byte, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, node, address.data()) == 1 || ::inet_pton(AF_INET6, node, address.data()) == 1;
}

// A number that is not negative, for the resolver's own codes; EAI_SYSTEM with an errno if there was no such call.
template <class Call>
int resolve(Call call) {
  int code = 0;
  const std::int64_t begun = on_helper_thread([&] {
    code = call();
    return code == EAI_SYSTEM ? negative_errno() : std::int64_t{0};
  });
  if (begun < 0) {
    leave_with(begun);
    return EAI_SYSTEM;
  }
  return code;
}

// The forms with _r return an error rather than setting errno.
template <class Call>
int resolve_into(Call call) {
  const std::int64_t code = on_helper_thread([&]() -> std::int64_t { return call(); });
  return static_cast<int>(code < 0 ? -code : code);
}

// The forms without _r answer in storage that is the process's (one for all, as their manual page says) and set the caller's h_errno.
template <class Call>
hostent* resolve_host(Call call) {
  hostent* found = nullptr;
  int why = 0;
  const std::int64_t begun = on_helper_thread([&]() -> std::int64_t {
    found = call();
    why = h_errno;
    return 0;
  });
  h_errno = begun < 0 ? TRY_AGAIN : why;
  return found;
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

int system(const char* command) {
  if (command == nullptr || !may_wait()) return real_system(command);
  return static_cast<int>(leave_with(on_helper_thread([&] { return outcome(real_system(command)); })));
}

int pclose(FILE* stream) {
  if (!may_wait()) return real_pclose(stream);
  return static_cast<int>(leave_with(on_helper_thread([&] { return outcome(real_pclose(stream)); })));
}

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  if (is_answered_at_once(node, hints) || !may_wait()) return real_getaddrinfo(node, service, hints, found);
  return resolve([&] { return real_getaddrinfo(node, service, hints, found); });
}

int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                socklen_t service_size, int flags) {
  if (host == nullptr || (flags & NI_NUMERICHOST) != 0 || !may_wait()) {
    return real_getnameinfo(address, size, host, host_size, service, service_size, flags);
  }
  return resolve([&] { return real_getnameinfo(address, size, host, host_size, service, service_size, flags); });
}

int gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** found, int* why) {
  if (!may_wait()) return real_gethostbyname_r(name, entry, buffer, size, found, why);
  return resolve_into([&] { return real_gethostbyname_r(name, entry, buffer, size, found, why); });
}

int gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size, hostent** found,
                     int* why) {
  if (!may_wait()) return real_gethostbyname2_r(name, family, entry, buffer, size, found, why);
  return resolve_into([&] { return real_gethostbyname2_r(name, family, entry, buffer, size, found, why); });
}

int gethostbyaddr_r(const void* address, socklen_t length, int family, hostent* entry, char* buffer, size_t size,
                    hostent** found, int* why) {
  if (!may_wait()) return real_gethostbyaddr_r(address, length, family, entry, buffer, size, found, why);
  return resolve_into([&] { return real_gethostbyaddr_r(address, length, family, entry, buffer, size, found, why); });
}

hostent* gethostbyname(const char* name) {
  return may_wait() ? resolve_host([&] { return real_gethostbyname(name); }) : real_gethostbyname(name);
}

hostent* gethostbyname2(const char* name, int family) {
  return may_wait() ? resolve_host([&] { return real_gethostbyname2(name, family); })
                    : real_gethostbyname2(name, family);
}

}  // extern "C"
