// Waiting for the first of several things: poll_oneoff.

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#include <weft/io/descriptor.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/wasi/clocks.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {

namespace {

using steady = std::chrono::steady_clock;

constexpr size most_subscriptions = 65'536;

// What a subscription of the guest comes to on this side.
struct watched {
  subscription wish;
  errc error = errc::success;  // it can never be: reported at once
  bool always_ready = false;   // a file
  int fd = -1;
  steady::time_point limit = steady::time_point::max();
};

steady::time_point point_in(std::uint64_t nanoseconds) noexcept {
  const auto now = steady::now();
  const auto longest = std::chrono::duration_cast<std::chrono::nanoseconds>(steady::time_point::max() - now);
  if (nanoseconds >= static_cast<std::uint64_t>(longest.count())) return steady::time_point::max();
  return now + std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
}

void watch_clock(watched& w) {
  constexpr std::uint16_t absolute = 1;
  const std::uint64_t now = clock_now(w.wish.subject);
  std::uint64_t left = w.wish.timeout;
  if ((w.wish.clock_flags & absolute) != 0) left = left > now ? left - now : 0;
  w.limit = point_in(left);
}

void watch_descriptor(watched& w, descriptor_table& table) {
  const descriptor& d = table.at(w.wish.subject, right::poll_fd_readwrite);
  const bool reads = w.wish.type == event_type::read;
  if (reads && !d.is_directory() && (d.base & right::fd_read) == 0 && !d.is_socket()) throw failure{errc::badf};
  w.always_ready = d.is_regular() || d.is_directory() || d.captured != nullptr;
  w.fd = d.fd;
}

watched watch(const subscription& wish, descriptor_table& table) noexcept {
  watched w{.wish = wish};
  try {
    if (wish.type == event_type::clock) {
      watch_clock(w);
    } else if (wish.type == event_type::read || wish.type == event_type::write) {
      watch_descriptor(w, table);
    } else {
      w.error = errc::inval;
    }
  } catch (const failure& f) {
    w.error = f.code;
  }
  return w;
}

std::uint64_t bytes_to_read(int fd, bool regular) noexcept {
  if (regular) {
    struct stat status = {};
    const off_t at = ::lseek(fd, 0, SEEK_CUR);
    if (at < 0 || ::fstat(fd, &status) != 0 || status.st_size <= at) return 0;
    return static_cast<std::uint64_t>(status.st_size - at);
  }
  int n = 0;
  return ::ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? static_cast<std::uint64_t>(n) : 0;
}

class poll_call {
 public:
  poll_call(const call& c, pointer subscriptions, size count) : watched_(), polled_() {
    for (size i = 0; i < count; ++i) {
      const auto wish = c.memory.load<subscription>(element(subscriptions, i, sizeof(subscription)));
      watched_.push_back(watch(wish, c.guest.descriptors()));
      const watched& w = watched_.back();
      nearest_ = std::min(nearest_, w.limit);
      const short events = wish.type == event_type::read ? POLLIN : POLLOUT;
      const bool polls = w.error == errc::success && w.fd >= 0 && !w.always_ready;
      polled_.push_back({.fd = polls ? w.fd : -1, .events = events, .revents = 0});
      waits_for_descriptors_ |= polls;
    }
  }

  // What is ready now, without waiting.
  [[nodiscard]] bool look() noexcept {
    if (waits_for_descriptors_) ::poll(polled_.data(), polled_.size(), 0);
    return anything_ready();
  }

  // Parks until something is ready.
  void wait() {
    while (!anything_ready()) {
      if (waits_for_descriptors_) {
        io::poll_many(polled_, nearest_);
      } else {
        weft::sleep_until(nearest_);
      }
    }
  }

  // Tells the guest; how many events there are.
  [[nodiscard]] size report(const guest_memory& memory, pointer events) const {
    size count = 0;
    const auto now = steady::now();
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      if (!is_ready(i, now)) continue;
      memory.store(element(events, count, sizeof(event)), event_of(i));
      ++count;
    }
    return count;
  }

 private:
  [[nodiscard]] bool is_ready(std::size_t i, steady::time_point now) const noexcept {
    const watched& w = watched_[i];
    if (w.error != errc::success || w.always_ready) return true;
    if (w.wish.type == event_type::clock) return w.limit <= now;
    return polled_[i].revents != 0;
  }

  [[nodiscard]] bool anything_ready() const noexcept {
    const auto now = steady::now();
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      if (is_ready(i, now)) return true;
    }
    return false;
  }

  [[nodiscard]] event event_of(std::size_t i) const noexcept {
    constexpr std::uint16_t hung_up = 1;
    const watched& w = watched_[i];
    event e;
    e.user_data = w.wish.user_data;
    e.type = w.wish.type;
    e.error = w.error;
    if (w.error != errc::success || w.wish.type == event_type::clock) return e;
    const short seen = polled_[i].revents;
    if ((seen & POLLNVAL) != 0) e.error = errc::badf;
    if ((seen & POLLHUP) != 0) e.flags = hung_up;
    if (w.wish.type == event_type::read) e.available = bytes_to_read(w.fd, w.always_ready);
    return e;
  }

  std::vector<watched> watched_;
  std::vector<pollfd> polled_;
  steady::time_point nearest_ = steady::time_point::max();
  bool waits_for_descriptors_ = false;
};

outcome poll_oneoff(call& c, pointer subscriptions, pointer events, size count, pointer ready) {
  if (count == 0 || count > most_subscriptions) return errc::inval;
  static_cast<void>(c.memory.bytes(events, std::uint64_t{count} * sizeof(event)));
  static_cast<void>(c.memory.load<size>(ready));
  poll_call p(c, subscriptions, count);
  if (p.look()) {
    c.memory.store(ready, p.report(c.memory, events));
    return errc::success;
  }
  return c.wait([p = std::move(p), memory = c.memory, events, ready]() mutable {
    p.wait();
    memory.store(ready, p.report(memory, events));
    return errc::success;
  });
}

constexpr std::array functions = {may_wait<&poll_oneoff>("poll_oneoff")};

}  // namespace

std::span<const definition> poll_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
