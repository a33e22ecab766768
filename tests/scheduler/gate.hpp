// A condition that fibers wait for, made of nothing but parkers: what the tests of the scheduler use instead of sync/.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::test {

class gate {
 public:
  void open() {
    std::lock_guard guard(lock_);
    open_ = true;
    for (const ticket& t : std::exchange(waiting_, {})) t.signal();
  }
  void close() {
    std::lock_guard guard(lock_);
    open_ = false;
  }
  // Parks until the gate is open. A cancellation point.
  void pass() {
    parker self;
    lock_.lock();
    if (open_) return lock_.unlock();
    waiting_.push_back(self.id());
    if (self.park([this] { lock_.unlock(); }) == wake::signalled) return;
    {
      std::lock_guard released(lock_);
    }
    throw_cancelled();
  }

 private:
  detail::spin_lock lock_;
  bool open_ = false;
  std::vector<ticket> waiting_;  // of cancelled waits, too: their tickets do nothing
};

}  // namespace weft::test
