// Clocks and random numbers.

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>

#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/wasi/clocks.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {

namespace {

constexpr std::uint64_t nanoseconds_a_second = 1'000'000'000;

// More than this at once would keep the worker from others.
constexpr std::size_t random_piece = std::size_t{64} << 10;

std::uint64_t nanoseconds(const timespec& t) noexcept {
  return static_cast<std::uint64_t>(t.tv_sec) * nanoseconds_a_second + static_cast<std::uint64_t>(t.tv_nsec);
}

clockid_t host_clock(std::uint32_t id) {
  switch (static_cast<clock_id>(id)) {
    case clock_id::realtime:
      return CLOCK_REALTIME;
    case clock_id::monotonic:
      return CLOCK_MONOTONIC;
    case clock_id::process_cpu:
    case clock_id::thread_cpu:
      // The host's would tell of others' work; a guest's own is not kept.
      throw failure{errc::notsup};
  }
  throw failure{errc::inval};
}

outcome clock_res_get(call& c, std::uint32_t id, pointer resolution) {
  timespec t = {};
  if (::clock_getres(host_clock(id), &t) != 0) return from_errno(errno);
  c.memory.store(resolution, nanoseconds(t));
  return errc::success;
}

outcome clock_time_get(call& c, std::uint32_t id, std::uint64_t /*precision*/, pointer time) {
  c.memory.store(time, clock_now(id));
  return errc::success;
}

// Out of line, as all that touches errno in a function that parks: the thread may be another one afterwards.
[[gnu::noinline]] errc fill_with_random(std::span<std::byte> buffer) noexcept {
  while (!buffer.empty()) {
    const ssize_t n = ::getrandom(buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno(errno);
    buffer = buffer.subspan(static_cast<std::size_t>(n));
  }
  return errc::success;
}

outcome random_get(call& c, pointer buffer, size length) {
  const std::span<std::byte> target = c.memory.bytes(buffer, length);
  if (length <= random_piece) return fill_with_random(target);
  return c.wait([rest = target]() mutable -> outcome {
    while (!rest.empty()) {
      const std::size_t n = std::min(rest.size(), random_piece);
      if (const errc error = fill_with_random(rest.first(n)); error != errc::success) return error;
      rest = rest.subspan(n);
      weft::yield();
    }
    return errc::success;
  });
}

constexpr std::array functions = {
    at_once<&clock_res_get>("clock_res_get"),
    at_once<&clock_time_get>("clock_time_get"),
    may_wait<&random_get>("random_get"),
};

}  // namespace

std::uint64_t clock_now(std::uint32_t id) {
  timespec t = {};
  if (::clock_gettime(host_clock(id), &t) != 0) throw failure{from_errno(errno)};
  return nanoseconds(t);
}

std::span<const definition> clock_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
