#include <weft/scheduler/detail/scope.hpp>

#include <mutex>
#include <stdexcept>

#include <weft/scheduler/detail/fences.hpp>
#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/snapshot.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft::detail {

scope::~scope() {
  if (is_origin()) attention.fetch_sub(1, std::memory_order_relaxed);
  if (!linked_) return;  // whoever linked us has been joined: no lock needed to look
  std::lock_guard guard(parent_->lock_);
  (previous_ != nullptr ? previous_->next_ : parent_->first_child_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

// In a seeded run every look comes here: none marks the epoch as seen, and others may go first.
bool scope::refresh() noexcept {
  if (runtime()->seeded != nullptr) [[unlikely]]
    schedule_point();
  const std::uint64_t epoch = cancel_epoch_.load(std::memory_order_acquire);
  for (scope* s = this; s != nullptr; s = s->parent_) {
    if (scope* origin = s->origin_.load(std::memory_order_acquire)) {
      mark(origin, s->reason_.load(std::memory_order_relaxed));
      break;
    }
  }
  if (runtime()->seeded == nullptr)
    seen_epoch_.store(epoch, std::memory_order_release);  // whoever sees it sees the origin, too
  return origin_.load(std::memory_order_acquire) != nullptr;
}

// True if this call did it.
bool scope::mark(scope* origin, cancel_reason reason) noexcept {
  if (origin_.load(std::memory_order_relaxed) != nullptr) return false;
  reason_.store(reason, std::memory_order_relaxed);
  scope* none = nullptr;
  return origin_.compare_exchange_strong(none, origin, std::memory_order_release, std::memory_order_relaxed);
}

cancelled scope::describe() const {
  const scope* origin = origin_.load(std::memory_order_acquire);
  return cancelled(reason_.load(std::memory_order_relaxed), origin != nullptr ? origin->label() : label());
}

std::string scope::label() const {
  if (!name_.empty()) return std::string(name_);
  if (site_.line() == 0) return "root";
  return std::string(site_.file_name()) + ":" + std::to_string(site_.line());
}

void scope::cancel(cancel_reason reason) noexcept {
  attention.fetch_add(1, std::memory_order_relaxed);  // first: whoever knows of the cancellation looks for it
  if (!mark(this, reason)) attention.fetch_sub(1, std::memory_order_relaxed);
  cancel_epoch_.fetch_add(1, std::memory_order_seq_cst);
  // Fibers that prepare to wait have stored their phase and then look at the epoch, with a light fence between.
  heavy_fence();
  for (fiber* f = claim_below(); f != nullptr;) {
    fiber* next = f->next;
    unpark(*f);
    f = next;
  }
}

// Walks the linked scopes below depth first, without recursion and without memory: the path is held locked, so no scope on
// it can leave. Fibers claimed are collected through fiber::next and stay parked until the caller readies them.
fiber* scope::claim_below() noexcept {
  fiber* claimed = nullptr;
  scope* s = this;
  s->lock_.lock();
  s->claim_members(claimed);
  for (;;) {
    if (s->first_child_ != nullptr) {
      s = s->first_child_;
    } else {
      while (s != this && s->next_ == nullptr) {
        scope* up = s->parent_;
        s->lock_.unlock();
        s = up;
      }
      if (s == this) break;
      scope* sibling = s->next_;
      s->lock_.unlock();
      s = sibling;
    }
    s->lock_.lock();
    s->mark(this, reason_.load(std::memory_order_relaxed));
    s->claim_members(claimed);
  }
  s->lock_.unlock();
  return claimed;
}

void scope::claim_members(fiber*& list) noexcept {
  for (fiber* f = first_member_; f != nullptr; f = f->next_member) {
    if (!f->wait.claim_for_cancellation()) continue;
    f->next = list;
    list = f;
  }
}

void scope::add_member(fiber& f) noexcept {
  link_to_ancestors();
  std::lock_guard guard(lock_);
  f.previous_member = nullptr;
  f.next_member = first_member_;
  if (first_member_ != nullptr) first_member_->previous_member = &f;
  first_member_ = &f;
  f.registered = this;
}

void scope::remove_member(fiber& f) noexcept {
  std::lock_guard guard(lock_);
  (f.previous_member != nullptr ? f.previous_member->next_member : first_member_) = f.next_member;
  if (f.next_member != nullptr) f.next_member->previous_member = f.previous_member;
  f.registered = nullptr;
}

// Upwards first, then the marks: a scope counts as reachable only when its whole path is linked, so another fiber of the same
// scope never relies on a path that is still being made.
void scope::link_to_ancestors() noexcept {
  for (scope* s = this; s->parent_ != nullptr && !s->reachable_.load(std::memory_order_acquire); s = s->parent_) {
    s->link_to_parent();
  }
  for (scope* s = this; s->parent_ != nullptr && !s->reachable_.load(std::memory_order_relaxed); s = s->parent_) {
    s->reachable_.store(true, std::memory_order_release);
  }
}

void scope::link_to_parent() noexcept {
  std::lock_guard guard(parent_->lock_);
  if (linked_) return;
  linked_ = true;
  next_ = parent_->first_child_;
  if (next_ != nullptr) next_->previous_ = this;
  parent_->first_child_ = this;
}

scope& current_scope(const char* what) {
  worker* w = this_worker();
  if (w == nullptr || !w->current()->may_park()) {
    if (w != nullptr && w->runtime().is_gone()) die_after_fork();
    throw std::logic_error(std::string("weft: ") + what +
                           " needs a fiber: make it inside weft::run or weft::runtime::run");
  }
  return *w->current()->current_scope;
}

void enter_scope(scope& s) noexcept { this_worker()->current()->current_scope = &s; }

void leave_scope(scope& s, scope& outer) noexcept {
  fiber& f = *this_worker()->current();
  if (f.current_scope != &s) die_leaving_scope_out_of_order();
  if (f.registered == &s) s.remove_member(f);
  f.current_scope = &outer;
}

namespace {
void end_scope_by_time(timer& t) noexcept { static_cast<scope_timer&>(t).target.cancel(cancel_reason::deadline); }
}  // namespace

const scope* scope_limited_by(const timer& t) noexcept {
  return t.fire == &end_scope_by_time ? &static_cast<const scope_timer&>(t).target : nullptr;
}

scope_timer::scope_timer(scope& s, std::chrono::nanoseconds limit) : target(s) {
  when = parker::from_now(limit);
  fire = &end_scope_by_time;
  if (limit <= std::chrono::nanoseconds::zero()) {
    s.cancel(cancel_reason::deadline);
  } else {
    this_worker()->timers().add(*this);
  }
}

}  // namespace weft::detail
