// Waiting for several descriptors: poll, select, and a foreign loop's epoll set, which is itself a descriptor that becomes readable.
//
// With a signal mask of its own such a call is made on a helper thread, where the mask can hold for the length of the call; it is not cut short then.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include <weft/io/hooks/detail/known_sockets.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::poll), "poll"> real_poll;
constexpr real_function<decltype(::ppoll), "ppoll"> real_ppoll;
constexpr real_function<decltype(::select), "select"> real_select;
constexpr real_function<decltype(::pselect), "pselect"> real_pselect;
constexpr real_function<decltype(::epoll_wait), "epoll_wait"> real_epoll_wait;
constexpr real_function<decltype(::epoll_pwait), "epoll_pwait"> real_epoll_pwait;
constexpr real_function<decltype(::epoll_pwait2), "epoll_pwait2"> real_epoll_pwait2;

using std::chrono::nanoseconds;

[[gnu::noinline]] std::int64_t outcome(std::int64_t result) noexcept { return result >= 0 ? result : negative_errno(); }

// A look that does not wait. Signals end even those, also weft's own to a worker, of which a program knows nothing.
template <class Call>
std::int64_t look(Call call) noexcept {
  std::int64_t result = 0;
  do result = outcome(call());
  while (result == -EINTR);
  return result;
}

nanoseconds from_milliseconds(int timeout) noexcept { return std::chrono::milliseconds(timeout); }

bool is_valid(const timespec& t) noexcept { return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000; }

// Negative, which is for ever, without one.
nanoseconds duration_of(const timespec* t) noexcept {
  constexpr auto longest = std::chrono::duration_cast<std::chrono::seconds>(nanoseconds::max()).count();
  if (t == nullptr || t->tv_sec >= longest) return nanoseconds(-1);
  return std::chrono::seconds(t->tv_sec) + nanoseconds(t->tv_nsec);
}

// The events that poll() reports unasked come from the wait, too. One descriptor costs one operation and no second look.
std::int64_t wait_for_ready(std::span<pollfd> descriptors, time_point limit) noexcept {
  if (descriptors.size() != 1 || descriptors[0].fd < 0) return wait_for_any(descriptors, limit);
  pollfd& only = descriptors[0];
  const std::int64_t events = wait_for_events(only.fd, only.events, limit);
  if (events == -EAGAIN) return 0;
  if (events < 0 && events != -EBADF) return events;
  only.revents = events == -EBADF ? POLLNVAL : static_cast<short>(events);
  return 1;
}

// Who asks and answers by turns waits for an answer that is not there yet.
bool would_look_in_vain(std::span<const pollfd> descriptors) noexcept {
  constexpr short only_reading = POLLIN | POLLPRI | POLLERR | POLLHUP;
  return descriptors.size() == 1 && (descriptors[0].events & ~only_reading) == 0 &&
         known_sockets::is_drained(descriptors[0].fd);
}

void expect_data(std::span<const pollfd> descriptors) noexcept {
  for (const pollfd& p : descriptors) {
    if (p.revents != 0) known_sockets::set_drained(p.fd, false);
  }
}

std::int64_t poll_all(std::span<pollfd> descriptors, nanoseconds timeout) noexcept {
  std::int64_t ready = 0;
  if (timeout == nanoseconds::zero() || !would_look_in_vain(descriptors)) {
    give_way_now_and_then();
    ready = look([&] { return real_poll(descriptors.data(), descriptors.size(), 0); });
  }
  if (ready == 0 && timeout != nanoseconds::zero()) ready = wait_for_ready(descriptors, limit_after(timeout));
  expect_data(descriptors);
  return ready;
}

// ---- select

struct set_of_events {
  fd_set* set;
  short asked;  // what poll() is asked for
  short told;   // what of its answer means that a descriptor is in the set
};

std::vector<pollfd> descriptors_of(int count, std::span<const set_of_events> sets) {
  std::vector<pollfd> descriptors;
  for (int fd = 0; fd < count; ++fd) {
    short events = 0;
    for (const set_of_events& s : sets) {
      if (s.set != nullptr && FD_ISSET(fd, s.set)) events = static_cast<short>(events | s.asked);
    }
    if (events != 0) descriptors.push_back({fd, events, 0});
  }
  return descriptors;
}

std::int64_t report(std::span<const pollfd> descriptors, std::span<const set_of_events> sets) noexcept {
  for (const pollfd& p : descriptors) {
    if ((p.revents & POLLNVAL) != 0) return -EBADF;
  }
  for (const set_of_events& s : sets) {
    if (s.set != nullptr) FD_ZERO(s.set);
  }
  std::int64_t bits = 0;
  for (const pollfd& p : descriptors) {
    for (const set_of_events& s : sets) {
      if (s.set == nullptr || (p.events & s.asked) == 0 || (p.revents & s.told) == 0) continue;
      FD_SET(p.fd, s.set);
      ++bits;
    }
  }
  return bits;
}

std::int64_t select_all(int count, fd_set* readable, fd_set* writable, fd_set* exceptional,
                        nanoseconds timeout) noexcept {
  const set_of_events sets[] = {{readable, POLLIN | POLLRDHUP, POLLIN | POLLRDHUP | POLLHUP | POLLERR},
                                {writable, POLLOUT, POLLOUT | POLLERR},
                                {exceptional, POLLPRI, POLLPRI}};
  try {
    std::vector<pollfd> descriptors = descriptors_of(count, sets);
    const std::int64_t ready = poll_all(descriptors, timeout);
    return ready < 0 ? ready : report(descriptors, sets);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

// ---- epoll

std::int64_t wait_for_set(int set, epoll_event* events, int most, nanoseconds timeout) noexcept {
  give_way_now_and_then();
  const time_point limit = limit_after(timeout);
  const auto look_at_set = [&] { return look([&] { return real_epoll_wait(set, events, most, 0); }); };
  for (;;) {
    const std::int64_t ready = look_at_set();
    if (ready != 0 || timeout == nanoseconds::zero()) return ready;
    const std::int64_t told = wait_for_events(set, POLLIN, limit);
    if (told == -EAGAIN) return look_at_set();
    if (told < 0) return told;
  }
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

int poll(pollfd* descriptors, nfds_t count, int timeout) {
  if (!may_wait()) return real_poll(descriptors, count, timeout);
  return static_cast<int>(leave_with(poll_all({descriptors, count}, from_milliseconds(timeout))));
}

int ppoll(pollfd* descriptors, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (!may_wait() || (timeout != nullptr && !is_valid(*timeout))) return real_ppoll(descriptors, count, timeout, mask);
  if (mask != nullptr) {
    return static_cast<int>(
        leave_with(on_helper_thread([&] { return outcome(real_ppoll(descriptors, count, timeout, mask)); })));
  }
  return static_cast<int>(leave_with(poll_all({descriptors, count}, duration_of(timeout))));
}

// The time that was left is not written to *timeout, which POSIX allows.
int select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* timeout) {
  if (!may_wait() || count < 0 || count > FD_SETSIZE ||
      (timeout != nullptr && (timeout->tv_sec < 0 || timeout->tv_usec < 0))) {
    return real_select(count, readable, writable, exceptional, timeout);
  }
  std::optional<timespec> limit;
  if (timeout != nullptr) limit = {timeout->tv_sec + timeout->tv_usec / 1'000'000, timeout->tv_usec % 1'000'000 * 1000};
  return static_cast<int>(
      leave_with(select_all(count, readable, writable, exceptional, duration_of(limit ? &*limit : nullptr))));
}

int pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* timeout,
            const sigset_t* mask) {
  if (!may_wait() || count < 0 || count > FD_SETSIZE || (timeout != nullptr && !is_valid(*timeout))) {
    return real_pselect(count, readable, writable, exceptional, timeout, mask);
  }
  if (mask != nullptr) {
    return static_cast<int>(leave_with(on_helper_thread(
        [&] { return outcome(real_pselect(count, readable, writable, exceptional, timeout, mask)); })));
  }
  return static_cast<int>(leave_with(select_all(count, readable, writable, exceptional, duration_of(timeout))));
}

int epoll_wait(int set, epoll_event* events, int most, int timeout) {
  if (!may_wait()) return real_epoll_wait(set, events, most, timeout);
  return static_cast<int>(leave_with(wait_for_set(set, events, most, from_milliseconds(timeout))));
}

int epoll_pwait(int set, epoll_event* events, int most, int timeout, const sigset_t* mask) {
  if (mask == nullptr) return epoll_wait(set, events, most, timeout);
  if (timeout == 0 || !may_wait()) return real_epoll_pwait(set, events, most, timeout, mask);
  return static_cast<int>(
      leave_with(on_helper_thread([&] { return outcome(real_epoll_pwait(set, events, most, timeout, mask)); })));
}

int epoll_pwait2(int set, epoll_event* events, int most, const timespec* timeout, const sigset_t* mask) {
  if (!may_wait() || (timeout != nullptr && !is_valid(*timeout))) {
    return real_epoll_pwait2(set, events, most, timeout, mask);
  }
  if (mask != nullptr) {
    return static_cast<int>(
        leave_with(on_helper_thread([&] { return outcome(real_epoll_pwait2(set, events, most, timeout, mask)); })));
  }
  return static_cast<int>(leave_with(wait_for_set(set, events, most, duration_of(timeout))));
}

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the C library's
int __poll_chk(pollfd* descriptors, nfds_t count, int timeout, size_t room) {
  constexpr real_function<int(pollfd*, nfds_t, int, size_t), "__poll_chk"> real_poll_chk;
  return count <= room / sizeof(pollfd) ? poll(descriptors, count, timeout)
                                        : real_poll_chk(descriptors, count, timeout, room);
}

int __ppoll_chk(pollfd* descriptors, nfds_t count, const timespec* timeout, const sigset_t* mask, size_t room) {
  constexpr real_function<int(pollfd*, nfds_t, const timespec*, const sigset_t*, size_t), "__ppoll_chk"> real_ppoll_chk;
  return count <= room / sizeof(pollfd) ? ppoll(descriptors, count, timeout, mask)
                                        : real_ppoll_chk(descriptors, count, timeout, mask, room);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
