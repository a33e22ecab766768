#include <weft/sync/select.hpp>

#include <algorithm>
#include <stdexcept>

#include <weft/scheduler/schedule_point.hpp>

namespace weft::detail {

namespace {

constexpr wait_kind select_wait{.name = "select", .threads_may_wait = true};

// One select, from the call to its choice.
class selection {
 public:
  selection(select_case* const* cases, select_scratch* scratch, std::size_t count, select_order order) noexcept
      : cases_(cases), scratch_(scratch), count_(count) {
    for (std::size_t i = 0; i < count; ++i) scratch_[i].order = i;
    if (order == select_order::random && count > 1) shuffle();
  }

  // The case that could go at once; no_case if none could. Notes whether one still may.
  std::size_t attempt() noexcept {
    hopeless_ = true;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t at = scratch_[i].order;
      const case_state state = cases_[at]->attempt();
      if (state == case_state::committed) return at;
      hopeless_ = hopeless_ && state == case_state::never;
    }
    return no_case;
  }
  [[nodiscard]] bool hopeless() const noexcept { return hopeless_; }

  // Waits once. no_case: something may have come, so it is to be attempted again.
  std::size_t wait() {
    prepare_locks();
    std::size_t chosen = no_case;
    const wake why = park(chosen);
    const std::size_t done = withdraw();
    if (chosen != no_case) return chosen;
    if (done == no_case && why == wake::cancelled) throw_cancelled();
    return done;
  }

 private:
  // Fisher and Yates, from one random number.
  void shuffle() noexcept {
    std::uint32_t random = choose_below(1U << 30);
    for (std::size_t i = count_ - 1; i > 0; --i) {
      random = random * 1664525 + 1013904223;
      std::swap(scratch_[i].order, scratch_[(std::uint64_t{random} * (i + 1)) >> 32].order);
    }
  }

  // Each lock once, in the order of the addresses, which all who take several agree on.
  void prepare_locks() noexcept {
    locks_ = 0;
    earliest_ = parker::time_point::max();
    for (std::size_t i = 0; i < count_; ++i) {
      earliest_ = std::min(earliest_, cases_[i]->limit());
      if (spin_lock* lock = cases_[i]->guard()) insert(lock);
    }
  }
  void insert(spin_lock* lock) noexcept {
    std::size_t at = locks_;
    while (at > 0 && std::less<>()(lock, scratch_[at - 1].lock)) --at;
    if (at > 0 && scratch_[at - 1].lock == lock) return;
    for (std::size_t i = locks_; i > at; --i) scratch_[i].lock = scratch_[i - 1].lock;
    scratch_[at].lock = lock;
    ++locks_;
  }

  void lock_all() noexcept {
    for (std::size_t i = 0; i < locks_; ++i) scratch_[i].lock->lock();
  }
  // Once the last lock is free nothing here is touched any more.
  static void unlock(select_scratch* locks, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) locks[i].lock->unlock();
  }

  // The parker must be gone before withdraw(), which may have to wait itself.
  wake park(std::size_t& chosen) {
    parker self(select_wait, this);
    for (std::size_t i = 0; i < count_; ++i) {
      if (cases_[i]->guard() == nullptr) cases_[i]->enlist(self.id());
    }
    lock_all();
    chosen = commit_locked();
    if (chosen != no_case) {
      unlock(scratch_, locks_);
      return wake::signalled;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      if (cases_[i]->guard() != nullptr) cases_[i]->enlist(self.id());
    }
    enlisted_ = true;
    return self.park_until(earliest_, [locks = scratch_, n = locks_] { unlock(locks, n); });
  }

  std::size_t commit_locked() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t at = scratch_[i].order;
      if (cases_[at]->guard() != nullptr && cases_[at]->commit() == case_state::committed) return at;
    }
    return no_case;
  }

  // The fiber may be here before its release step has freed the locks, and that reads scratch_. It is done when all cases are withdrawn: each takes its
  // guard, but for one that was itself committed, whose guard was free by then.
  std::size_t withdraw() noexcept {
    std::size_t done = no_case;
    for (std::size_t i = 0; i < count_; ++i) {
      if (cases_[i]->guard() != nullptr && !enlisted_) continue;
      if (cases_[i]->withdraw()) done = i;
    }
    enlisted_ = false;
    return done;
  }

  select_case* const* cases_;
  select_scratch* scratch_;
  std::size_t count_;
  std::size_t locks_ = 0;
  parker::time_point earliest_;
  bool enlisted_ = false;
  bool hopeless_ = false;
};

}  // namespace

std::size_t select_cases(select_case* const* cases, select_scratch* scratch, std::size_t count, select_order order) {
  cancellation_point();
  selection s(cases, scratch, count, order);
  for (;;) {
    std::size_t chosen = s.attempt();
    if (chosen != no_case) return chosen;
    if (s.hopeless()) {
      throw std::logic_error(
          "weft: select() waits for nothing: the channels of all its cases are closed, and no handler takes that (as "
          "std::optional or bool)");
    }
    chosen = s.wait();
    if (chosen != no_case) return chosen;
  }
}

std::size_t try_select_cases(select_case* const* cases, select_scratch* scratch, std::size_t count,
                             select_order order) {
  schedule_point();
  return selection(cases, scratch, count, order).attempt();
}

}  // namespace weft::detail
