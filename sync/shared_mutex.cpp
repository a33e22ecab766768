#include <weft/sync/shared_mutex.hpp>

#include <cstddef>
#include <mutex>
#include <system_error>

#include <weft/scheduler/caller.hpp>
#include <weft/sync/detail/misuse.hpp>

namespace weft {

namespace {

[[noreturn]] void refuse(std::errc error, const char* message) {
  throw std::system_error(std::make_error_code(error), message);
}

}  // namespace

shared_mutex::~shared_mutex() {
  detail::expect_no_waiters(lock_, readers_, "shared_mutex", this);
  detail::expect_no_waiters(lock_, writers_, "shared_mutex", this);
}

void shared_mutex::refuse_second_lock() const {
  if (is_on_callers_stack(holder_.load(std::memory_order_relaxed))) {
    refuse(std::errc::resource_deadlock_would_occur, "weft: a shared_mutex is locked by the fiber that is its writer");
  }
}

void shared_mutex::lock_slowly() {
  static constexpr wait_kind kind{
      .name = "shared mutex (to write)", .holder_at = offsetof(shared_mutex, holder_), .threads_may_wait = true};
  refuse_second_lock();
  parker self(kind, this);
  lock_.lock();
  if (word_.enter_or_wait()) {
    lock_.unlock();
  } else {
    wait_in(writers_, self);
  }
  note_holder();
}

void shared_mutex::lock_shared_slowly() {
  static constexpr wait_kind kind{
      .name = "shared mutex (to read)", .holder_at = offsetof(shared_mutex, holder_), .threads_may_wait = true};
  refuse_second_lock();
  parker self(kind, this);
  lock_.lock();
  if (word_.enter_shared_or_wait()) return lock_.unlock();
  wait_in(readers_, self);
}

// Locked on entry, free on return. Readers wait because of writers who wait: when the last of those gives up, they may enter.
void shared_mutex::wait_in(waiters& queue, parker& self) {
  waiter w;
  w.waiting = self.id();
  queue.push_back(w);
  if (self.park([this] { lock_.unlock(); }) == wake::signalled) return;
  {
    const std::lock_guard guard(lock_);
    if (w.queued) queue.remove(w);
    admit(false);
  }
  throw_cancelled();
}

void shared_mutex::unlock_slowly() {
  const std::lock_guard guard(lock_);
  if (!word_.has_writer())
    refuse(std::errc::operation_not_permitted, "weft: a shared_mutex is unlocked that has no writer");
  word_.leave();
  admit(true);
}

void shared_mutex::unlock_shared_slowly() {
  const std::lock_guard guard(lock_);
  if (word_.readers() == 0) {
    refuse(std::errc::operation_not_permitted, "weft: a shared_mutex is unlocked by a reader, and has none");
  }
  word_.leave_shared();
  admit(false);
}

// Lets in whoever may enter now, readers first after a writer.
void shared_mutex::admit(bool readers_first) noexcept {
  if (!word_.has_writer()) {
    const bool readers_may = readers_first || writers_.empty();
    if ((!readers_may || admit_readers() == 0) && word_.readers() == 0 && !admit_writer()) admit_readers();
  }
  if (readers_.empty() && writers_.empty()) word_.end_waiting();
}

// Entered before woken, as they may leave at once.
std::size_t shared_mutex::admit_readers() noexcept {
  std::size_t admitted = 0;
  while (waiter* w = readers_.pop_front()) {
    word_.admit_readers(1);
    if (w->waiting.signal()) {
      ++admitted;
    } else {
      word_.leave_shared();
    }
  }
  return admitted;
}

bool shared_mutex::admit_writer() noexcept {
  while (waiter* w = writers_.pop_front()) {
    word_.admit_writer();
    if (w->waiting.signal()) return true;
    word_.leave();
  }
  return false;
}

shared_mutex_statistics shared_mutex::statistics() const noexcept {
  const std::lock_guard guard(lock_);
  return {word_.readers(), readers_.size(), writers_.size()};
}

}  // namespace weft
