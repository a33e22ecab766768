#include <weft/scheduler/park.hpp>

#include <stdexcept>

#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/thread_wait.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/snapshot.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace {

// The fiber that the caller is, or nullptr.
detail::fiber* parking_fiber() noexcept {
  detail::worker* w = detail::this_worker();
  return w != nullptr && w->current()->may_park() ? w->current() : nullptr;
}

[[noreturn]] void refuse_to_park() {
  detail::worker* w = detail::this_worker();
  if (w != nullptr && w->runtime().is_gone()) detail::die_after_fork();
  if (w != nullptr && w->current()->current_scope != nullptr) {
    throw std::logic_error(
        "weft: this call parks the calling fiber, which must not wait here (no_parking): its stack is lent to others");
  }
  throw std::logic_error("weft: this call parks the calling fiber, and there is none: call it inside weft::run");
}

// A worker's own contexts must go on, so what they run may not wait.
[[gnu::noinline]] detail::fiber& fiber_for_thread(const wait_kind& kind) {
  if (!kind.threads_may_wait || detail::this_worker() != nullptr) refuse_to_park();
  return detail::borrow_thread_fiber();
}

// In a seeded run each wait comes here, so this is where others may run before it.
[[gnu::noinline]] void register_with_scope(detail::fiber& f) noexcept {
  schedule_point();
  if (f.registered != nullptr) f.registered->remove_member(f);
  f.current_scope->add_member(f);
}

bool unwinding() noexcept { return detail::this_worker()->live_exceptions().uncaught > 0; }

// The rest of a parker's making once something may be cancelled; the epoch of its wait.
[[gnu::noinline]] std::uint64_t prepare_thoroughly(detail::fiber& f, std::uint64_t epoch) {
  if (!f.current_scope->is_cancelled()) return epoch;
  f.wait.abandon();
  if (!unwinding()) throw f.current_scope->describe();
  return f.wait.prepare(false);  // cleanup that runs while an exception passes must not throw another
}

// A wait with a time limit is one with a timer that competes for its end.
struct limit_timer : detail::timer {
  detail::fiber* waiting;
  std::uint64_t epoch;
};

void end_by_time(detail::timer& t) noexcept {
  auto& limit = static_cast<limit_timer&>(t);
  detail::fiber& f = *limit.waiting;
  if (f.wait.claim(limit.epoch, wake::timed_out)) detail::unpark(f);
}

}  // namespace

detail::limited_wait detail::wait_limited_by(const timer& t) noexcept {
  if (t.fire != &end_by_time) return {};
  const auto& limit = static_cast<const limit_timer&>(t);
  return {limit.waiting, limit.epoch};
}

bool ticket::signal() const noexcept {
  if (fiber_ == nullptr) [[unlikely]]
    return signal_standing();
  if (!fiber_->wait.claim(epoch_, wake::signalled)) return false;
  detail::unpark(*fiber_);
  return true;
}

bool ticket::signal_standing() const noexcept {
  return epoch_ != 0 && reinterpret_cast<detail::standing_wait*>(static_cast<std::uintptr_t>(epoch_))->signal();
}

bool ticket::claim() const noexcept { return fiber_ != nullptr && fiber_->wait.claim(epoch_, wake::signalled); }

void ticket::resume() const noexcept { detail::unpark(*fiber_); }

parker::parker(const wait_kind& kind, const void* object, cancellation mode) {
  detail::fiber* const found = parking_fiber();
  if (found == nullptr) [[unlikely]] {
    detail::fiber& f = fiber_for_thread(kind);
    id_.fiber_ = &f;
    id_.epoch_ = f.wait.prepare(false);
    return;
  }
  detail::fiber& f = *found;
  f.waits_for = &kind;
  f.wait_object = object;
  id_.fiber_ = &f;
  if (mode == cancellation::ignored) {
    id_.epoch_ = f.wait.prepare(false);
    return;
  }
  if (f.registered != f.current_scope) [[unlikely]]
    register_with_scope(f);
  id_.epoch_ = f.wait.prepare(true);
  detail::light_fence();  // a cancellation either sees that we prepare, or we see it here
  if (f.current_scope->is_surely_not_cancelled()) [[likely]]
    return;
  id_.epoch_ = prepare_thoroughly(f, id_.epoch_);
}

parker::time_point parker::from_now(std::chrono::nanoseconds duration) noexcept {
  const time_point now = detail::now();
  return duration < time_point::max() - now ? now + duration : time_point::max();
}

parker::~parker() {
  if (id_.fiber_ == nullptr) [[likely]]
    return;
  id_.fiber_->wait.abandon();
  if (detail::is_thread(*id_.fiber_)) detail::return_thread_fiber(*id_.fiber_);
}

wake parker::suspend(time_point limit, const detail::release_step& release) {
  detail::fiber& f = *id_.fiber_;
  detail::worker* w = detail::this_worker();
  if (w == nullptr) [[unlikely]] {
    const wake why = detail::wait_on_thread(f, id_.epoch_, limit, release);
    id_.fiber_ = nullptr;
    detail::return_thread_fiber(f);
    return why;
  }
  if (limit == time_point::max()) [[likely]] {
    w->park(release);
  } else {
    limit_timer timer;
    timer.when = limit;
    timer.fire = &end_by_time;
    timer.waiting = &f;
    timer.epoch = id_.epoch_;
    w->timers().add(timer);
    w->park(release);
    detail::timer_heap::cancel(timer);
  }
  id_.fiber_ = nullptr;
  return f.wait.result();
}

namespace {

[[gnu::noinline]] void check_thoroughly(detail::scope& s) {
  if (s.is_cancelled() && !unwinding()) throw s.describe();
}

}  // namespace

void detail::check_cancelled_now() {
  detail::worker* w = detail::this_worker();
  if (w == nullptr) return;
  detail::scope* s = w->current()->current_scope;
  if (s == nullptr || s->is_surely_not_cancelled()) [[likely]]
    return;
  check_thoroughly(*s);
}

cancelled detail::cancellation_of_this_fiber() {
  detail::fiber* f = parking_fiber();
  if (f == nullptr) refuse_to_park();
  return f->current_scope->describe();
}

}  // namespace weft
