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
#include <system_error>
#include <unordered_map>
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
  std::size_t polled = 0;  // where poll_call asks about the descriptor
  steady::time_point limit = steady::time_point::max();

  [[nodiscard]] bool polls() const noexcept { return error == errc::success && fd >= 0 && !always_ready; }
  [[nodiscard]] short events() const noexcept { return wish.type == event_type::read ? POLLIN : POLLOUT; }
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
  poll_call(const call& c, pointer subscriptions, size count) {
    watched_.reserve(count);
    for (size i = 0; i < count; ++i) {
      const auto wish = c.memory.load<subscription>(element(subscriptions, i, sizeof(subscription)));
      watched& w = watched_.emplace_back(watch(wish, c.guest.descriptors()));
      nearest_ = std::min(nearest_, w.limit);
      if (w.polls()) w.polled = place_of(w.fd, w.events());
    }
  }

  // What is ready now, without waiting.
  [[nodiscard]] bool look() noexcept {
    io::poll_now(polled_);
    return anything_ready();
  }

  // Parks until something is ready.
  [[nodiscard]] errc wait() {
    while (!anything_ready()) {
      std::error_code error;
      if (polled_.empty()) {
        weft::sleep_until(nearest_);
      } else {
        io::poll_many(polled_, nearest_, error);
      }
      if (error) return from_errno(error.value());
    }
    return errc::success;
  }

  // Tells the guest; how many events there are.
  [[nodiscard]] size report(const guest_memory& memory, pointer events) const {
    size count = 0;
    const auto now = steady::now();
    for (const watched& w : watched_) {
      if (!is_ready(w, now)) continue;
      memory.store(element(events, count, sizeof(event)), event_of(w));
      ++count;
    }
    return count;
  }

 private:
  // A descriptor is asked about once, however often a guest subscribes to it: poll(2) takes no more entries than a process
  // may have descriptors.
  std::size_t place_of(int fd, short events) {
    const auto [known, fresh] = places_.try_emplace(fd, polled_.size());
    if (fresh) polled_.push_back({.fd = fd, .events = 0, .revents = 0});
    polled_[known->second].events |= events;
    return known->second;
  }

  [[nodiscard]] short seen(const watched& w) const noexcept {
    constexpr short always_told = POLLERR | POLLHUP | POLLNVAL;
    return static_cast<short>(polled_[w.polled].revents & (w.events() | always_told));
  }

  [[nodiscard]] bool is_ready(const watched& w, steady::time_point now) const noexcept {
    if (w.error != errc::success || w.always_ready) return true;
    if (w.wish.type == event_type::clock) return w.limit <= now;
    return seen(w) != 0;
  }

  [[nodiscard]] bool anything_ready() const noexcept {
    const auto now = steady::now();
    return std::any_of(watched_.begin(), watched_.end(), [&](const watched& w) { return is_ready(w, now); });
  }

  [[nodiscard]] event event_of(const watched& w) const noexcept {
    constexpr std::uint16_t hung_up = 1;
    event e;
    e.user_data = w.wish.user_data;
    e.type = w.wish.type;
    e.error = w.error;
    if (w.error != errc::success || w.wish.type == event_type::clock) return e;
    if (w.polls()) {
      if ((seen(w) & POLLNVAL) != 0) e.error = errc::badf;
      if ((seen(w) & POLLHUP) != 0) e.flags = hung_up;
    }
    if (w.wish.type == event_type::read) e.available = bytes_to_read(w.fd, w.always_ready);
    return e;
  }

  std::vector<watched> watched_;
  std::vector<pollfd> polled_;
  std::unordered_map<int, std::size_t> places_;
  steady::time_point nearest_ = steady::time_point::max();
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
    if (const errc error = p.wait(); error != errc::success) return error;
    memory.store(ready, p.report(memory, events));
    return errc::success;
  });
}

constexpr std::array functions = {may_wait<&poll_oneoff>("poll_oneoff")};

}  // namespace

std::span<const definition> poll_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
