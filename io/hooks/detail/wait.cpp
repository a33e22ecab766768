#include <weft/io/hooks/detail/wait.hpp>

#include <cerrno>
#include <new>
#include <system_error>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/poll_many.hpp>
#include <weft/io/detail/system_calls.hpp>
#include <weft/scheduler/foreign_frame.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::hooks {

namespace {

// Out of line, as its address must not outlive a switch.
[[gnu::noinline]] bool turn_is_over() noexcept {
  constexpr unsigned calls_a_turn = 64;
  static thread_local unsigned calls = 0;
  return ++calls % calls_a_turn == 0;
}

}  // namespace

[[gnu::noinline]] std::int64_t leave_with(std::int64_t result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result_after_leaving(result));
  return -1;
}

[[gnu::noinline]] std::int64_t negative_errno() noexcept { return -errno; }

std::int64_t give_up(const cancelled& c) noexcept {
  const std::int64_t error = c.reason() == cancel_reason::deadline ? -ETIMEDOUT : -ECANCELED;
  give_way_unheard();
  return error;
}

std::int64_t error_of_exception() noexcept {
  try {
    throw;
  } catch (const std::system_error& e) {
    return -e.code().value();
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  } catch (...) {
    return -ENOTSUP;
  }
}

std::int64_t wait_for_events(int fd, short events, time_point limit) noexcept {
  return inside([&]() -> std::int64_t {
    detail::operation op(detail::opcode::poll, fd);
    op.flags = static_cast<std::uint16_t>(events);
    try {
      const std::int64_t result = detail::perform(op, nullptr, limit);
      return result == -ETIMEDOUT ? -EAGAIN : result;
    } catch (const cancelled&) {
      pollfd look{fd, events, 0};
      if (detail::poll_blocking({&look, 1}, std::chrono::nanoseconds(0)) <= 0) throw;
      return look.revents;
    }
  });
}

std::int64_t wait_for_any(std::span<pollfd> descriptors, time_point limit) noexcept {
  return inside([&] { return detail::poll_many(descriptors, limit); });
}

std::int64_t wait_until(time_point when) noexcept {
  return inside([&]() -> std::int64_t {
    sleep_until(when);
    return 0;
  });
}

void give_way_now_and_then() noexcept {
  if (!turn_is_over()) [[likely]]
    return;
  const entry in;
  try {
    yield();
  } catch (const cancelled&) {  // the call that follows says so if it has to wait
  }
}

time_point limit_after(std::chrono::nanoseconds duration) noexcept {
  const time_point now = time_point::clock::now();
  return duration < std::chrono::nanoseconds::zero() || duration > time_point::max() - now ? time_point::max()
                                                                                           : now + duration;
}

time_point limit_at(clockid_t clock, const timespec& when) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  const auto left =
      std::chrono::seconds(when.tv_sec - now.tv_sec) + std::chrono::nanoseconds(when.tv_nsec - now.tv_nsec);
  return left <= std::chrono::nanoseconds::zero() ? time_point::clock::now() : limit_after(left);
}

}  // namespace weft::io::hooks
