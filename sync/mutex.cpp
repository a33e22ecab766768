#include <weft/sync/mutex.hpp>

#include <cstddef>
#include <mutex>
#include <system_error>

#include <weft/scheduler/caller.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 1ms;  // of the first who waits, until the mutex is handed over

// As Go's: looks are rare, so that whoever holds the mutex keeps its cache line for the time of many operations.
constexpr int looks = 4;
constexpr int pauses_between_looks = 30;

parker::time_point now() noexcept { return parker::from_now(0ns); }

}  // namespace

mutex::~mutex() { detail::expect_no_waiters(lock_, waiters_, "mutex", this); }

bool mutex::holds_it_already() const noexcept { return is_on_callers_stack(holder_.load(std::memory_order_relaxed)); }

bool mutex::take_by_spinning() noexcept {
  for (int look = 0; look < looks && spinning_may_help(); ++look) {
    for (int i = 0; i < pauses_between_looks; ++i) spin_hint();
    if (word_.is_free() && word_.try_take()) return true;
  }
  return false;
}

// One who was woken in vain goes to the front again, with the time that it has waited for so far.
bool mutex::lock_slowly(parker::time_point limit, parker::cancellation mode) {
  static constexpr wait_kind kind{.name = "mutex", .holder_at = offsetof(mutex, holder_), .threads_may_wait = true};
  if (limit == no_limit && holds_it_already()) {
    throw std::system_error(
        std::make_error_code(std::errc::resource_deadlock_would_occur),
        "weft: a mutex is locked by the fiber that holds it (use recursive_mutex, or lock it once)");
  }
  if (take_by_spinning()) {
    note_holder();
    return true;
  }
  waiter self;
  self.since = now();
  for (bool was_woken = false;; was_woken = true) {
    parker wait(kind, this, mode);
    lock_.lock();
    if (word_.take_or_contend()) {
      word_.hold(!waiters_.empty() && !woken_);
      lock_.unlock();
      break;
    }
    self.waiting = wait.id();
    was_woken ? waiters_.push_front(self) : waiters_.push_back(self);
    ++waits_;
    const wake why = wait.park_until(limit, [this] { lock_.unlock(); });
    if (why != wake::signalled) {
      {
        const std::lock_guard guard(lock_);
        if (self.queued) waiters_.remove(self);
      }
      if (why == wake::cancelled) throw_cancelled();
      return false;
    }
    if (self.handed_over || take_as_woken()) break;
  }
  note_holder();
  return true;
}

// Before anything can throw: a wake that nobody answers would leave the others asleep beside a free mutex.
bool mutex::take_as_woken() noexcept {
  const bool taken = take_by_spinning();
  const std::lock_guard guard(lock_);
  woken_ = false;
  if (!taken && !word_.take_or_contend()) return false;
  word_.hold(!waiters_.empty());
  return true;
}

void mutex::unlock_slowly(detail::lock_word::end end) {
  {
    const std::lock_guard guard(lock_);
    const bool starved = end == detail::lock_word::end::must_look && !woken_ && !waiters_.empty() &&
                         now() - waiters_.first()->since >= patience;
    if (!starved || !hand_over()) {
      word_.release();
      if (!woken_) wake_one();
      if (end == detail::lock_word::end::must_look) return;
      throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                              "weft: a mutex is unlocked that nobody holds");
    }
  }
  give_way();  // the new holder is to get on at once, while others wait for it
}

// False if all have left meanwhile.
bool mutex::hand_over() noexcept {
  while (waiter* first = waiters_.pop_front()) {
    first->handed_over = true;
    word_.hold(!waiters_.empty());
    if (first->waiting.signal()) {
      ++hand_overs_;
      return true;
    }
  }
  return false;
}

void mutex::wake_one() noexcept {
  while (waiter* first = waiters_.pop_front()) {
    if (first->waiting.signal()) {
      woken_ = true;
      return;
    }
  }
}

mutex_statistics mutex::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {waiters_.size(), waits_, hand_overs_};
}

}  // namespace weft
