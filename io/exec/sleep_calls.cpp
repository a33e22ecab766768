// Sleeping, and giving way.
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>
#include <weft/io/exec/waiting.hpp>
#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::exec {

namespace {

constexpr real_function<decltype(::nanosleep), "nanosleep"> real_nanosleep;
constexpr real_function<decltype(::clock_nanosleep), "clock_nanosleep"> real_clock_nanosleep;
constexpr real_function<decltype(::usleep), "usleep"> real_usleep;
constexpr real_function<decltype(::sleep), "sleep"> real_sleep;
constexpr real_function<decltype(::sched_yield), "sched_yield"> real_sched_yield;
constexpr real_function<decltype(::pause), "pause"> real_pause;

// 0, or EINTR: a handler ends a sleep, whatever it wants restarted.
int sleep_interruptibly(time_point limit) {
  cancellation_point();
  if (sleep_until(limit) == lot_waiter::end::timed_out) return 0;
  static_cast<void>(answer_interruption());
  return EINTR;
}

timespec left_until(time_point limit) noexcept {
  const auto left = std::chrono::nanoseconds(limit - time_point::clock::now()).count();
  if (left <= 0) return {};
  return {left / 1'000'000'000, left % 1'000'000'000};
}

int sleep_for(const timespec& duration, timespec* left) {
  const time_point limit = after(duration);
  const int error = sleep_interruptibly(limit);
  if (error != 0 && left != nullptr) *left = left_until(limit);
  return error;
}

int fail(int error) noexcept {
  if (error == 0) return 0;
  set_errno(error);
  return -1;
}

bool is_duration(const timespec& t) noexcept { return is_valid(t) && t.tv_sec >= 0; }

}  // namespace

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

int nanosleep(const timespec* duration, timespec* left) {
  if (this_program_thread() == nullptr) return real_nanosleep(duration, left);
  return fail(is_duration(*duration) ? sleep_for(*duration, left) : EINVAL);
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* when, timespec* left) {
  const bool known =
      clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
  if (this_program_thread() == nullptr || !known || !is_duration(*when))
    return real_clock_nanosleep(clock, flags, when, left);
  if ((flags & TIMER_ABSTIME) == 0) return sleep_for(*when, left);
  return sleep_interruptibly(on_steady_clock(clock, when));
}

int usleep(useconds_t duration) {
  if (this_program_thread() == nullptr) return real_usleep(duration);
  constexpr useconds_t a_second = 1'000'000;
  return fail(sleep_for({duration / a_second, static_cast<long>(duration % a_second) * 1000}, nullptr));
}

unsigned sleep(unsigned seconds) {
  if (this_program_thread() == nullptr) return real_sleep(seconds);
  timespec left{};
  if (sleep_for({static_cast<time_t>(seconds), 0}, &left) == 0) return 0;
  constexpr long half_a_second = 500'000'000;
  return static_cast<unsigned>(left.tv_sec) + (left.tv_nsec >= half_a_second ? 1 : 0);
}

int pause() {
  if (this_program_thread() == nullptr) return real_pause();
  return fail(sleep_interruptibly(no_limit));
}

int sched_yield() noexcept {
  if (this_program_thread() == nullptr) return real_sched_yield();
  on_runtime_side([]() noexcept {
    try {
      weft::yield();
    } catch (const weft::cancelled&) {  // the next call that waits says so
    }
  });
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
