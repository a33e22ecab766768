// The shared mutex's word with its queues as shared_mutex.cpp has them. Two writers and two readers; one reader gives up waiting. A writer is alone, sees what
// the writer before did and is seen by readers; nobody waits for ever.
#include "model.hpp"

#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/shared_word.hpp>

namespace {

struct shared_model : rl::test_suite<shared_model, 4> {
  static constexpr int waiting = 0, woken = 1, gave_up = 2;
  static constexpr unsigned writers = 2, count = 4;  // the first two write, the last one gives up

  weft::detail::shared_word word;
  weft::spin_lock lock;
  std::array<rl::var<int>, count> queued;  // under the lock
  std::array<std::atomic<int>, count> ended;
  rl::var<int> guarded;

  void before() {
    for (auto& q : queued) q(model::here()) = 0;
    for (auto& e : ended) e.store(waiting, std::memory_order_relaxed);
    guarded(model::here()) = 0;
  }

  void thread(unsigned index) {
    if (index < writers) {
      enter(index);
      guarded(model::here()) = static_cast<int>(guarded(model::here())) + 1;
      if (!word.try_leave()) leave(true);
    } else if (enter_shared(index)) {
      RL_ASSERT(guarded(model::here()) <= 2);
      if (!word.try_leave_shared()) leave(false);
    }
  }

  void enter(unsigned self) {
    if (word.try_enter()) return;
    lock.lock();
    if (word.enter_or_wait()) return lock.unlock();
    queue_up(self);
  }

  bool enter_shared(unsigned self) {
    if (word.try_enter_shared()) return true;
    lock.lock();
    if (word.enter_shared_or_wait()) {
      lock.unlock();
      return true;
    }
    return queue_up(self);
  }

  bool queue_up(unsigned self) {
    queued[self](model::here()) = 1;
    lock.unlock();
    int how = waiting;
    if (self == count - 1 &&
        ended[self].compare_exchange_strong(how, gave_up, std::memory_order_acq_rel, std::memory_order_acquire)) {
      lock.lock();
      queued[self](model::here()) = 0;
      admit(false);
      lock.unlock();
      return false;
    }
    while (ended[self].load(std::memory_order_acquire) == waiting) model::pause();
    return true;
  }

  void leave(bool writer) {
    lock.lock();
    writer ? word.leave() : word.leave_shared();
    if (!model::with(model::fault::step)) admit(writer);
    lock.unlock();
  }

  bool any_queued(unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i) {
      if (queued[i](model::here()) == 1) return true;
    }
    return false;
  }

  bool wake(unsigned i) {
    queued[i](model::here()) = 0;
    int expected = waiting;
    return ended[i].compare_exchange_strong(expected, woken, std::memory_order_acq_rel, std::memory_order_acquire);
  }

  void admit(bool readers_first) {
    if (!word.has_writer()) {
      const bool readers_may = readers_first || !any_queued(0, writers);
      if ((!readers_may || admit_readers() == 0) && word.readers() == 0 && !admit_writer()) admit_readers();
    }
    if (!any_queued(0, count)) word.end_waiting();
  }

  int admit_readers() {
    int admitted = 0;
    for (unsigned i = writers; i < count; ++i) {
      if (queued[i](model::here()) == 0) continue;
      word.admit_readers(1);
      if (wake(i)) {
        ++admitted;
      } else {
        word.leave_shared();
      }
    }
    return admitted;
  }

  bool admit_writer() {
    for (unsigned i = 0; i < writers; ++i) {
      if (queued[i](model::here()) == 0) continue;
      word.admit_writer();
      if (wake(i)) return true;
      word.leave();
    }
    return false;
  }

  void after() {
    RL_ASSERT(word.readers() == 0 && !word.has_writer());
    RL_ASSERT(guarded(model::here()) == 2);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<shared_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
