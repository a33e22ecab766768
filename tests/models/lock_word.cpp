// The mutex's word with a queue as mutex.cpp has it: locking, waiting, waking, handing over. Two threads that lock twice and one that gives
// up waiting (a cancellation). The mutex excludes, whoever has it sees what the one before did, and nobody is left waiting beside a free
// mutex: that would be an endless loop.
#include "model.hpp"

#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/lock_word.hpp>

namespace {

enum class result : int { none, woken, handed_over, gave_up };

struct mutex_model : rl::test_suite<mutex_model, 3> {
  weft::detail::lock_word word;
  weft::spin_lock lock;
  // Under the lock: a queue of at most one wait for each thread, and whether one who was woken is on its way.
  std::array<rl::var<int>, 3> queued;  // 0: not in it
  rl::var<int> woken;
  std::array<std::atomic<int>, 3> ended;  // how the wait of each has ended
  rl::var<int> guarded;
  bool hands_over = false;

  void before() {
    for (auto& q : queued) q(model::here()) = 0;
    woken(model::here()) = 0;
    for (auto& e : ended) e.store(0, std::memory_order_relaxed);
    guarded(model::here()) = 0;
    hands_over = rl::rand(2) == 0;
  }

  void thread(unsigned index) {
    const int times = index == 2 ? 1 : 2;
    for (int i = 0; i < times; ++i) {
      if (!take(index)) return;
      guarded(model::here()) = static_cast<int>(guarded(model::here())) + 1;
      unlock();
    }
  }

  bool take(unsigned self) {
    if (word.try_take()) return true;
    for (;;) {
      lock.lock();
      if (word.take_or_contend()) {
        word.hold(first() >= 0 && woken(model::here()) == 0);
        lock.unlock();
        return true;
      }
      ended[self].store(0, std::memory_order_relaxed);
      queued[self](model::here()) = 1;
      lock.unlock();
      switch (wait(self)) {
        case result::handed_over:
          return true;
        case result::gave_up:
          return false;
        default:
          break;
      }
      lock.lock();
      woken(model::here()) = 0;
      const bool taken = word.take_or_contend();
      if (taken) word.hold(first() >= 0 && !model::with(model::fault::step));
      lock.unlock();
      if (taken) return true;
    }
  }

  // The third thread gives up by itself unless somebody was faster.
  result wait(unsigned self) {
    int how = 0;
    if (self == 2 && ended[self].compare_exchange_strong(how, static_cast<int>(result::gave_up),
                                                         std::memory_order_acq_rel, std::memory_order_acquire)) {
      lock.lock();
      queued[self](model::here()) = 0;
      lock.unlock();
      return result::gave_up;
    }
    for (how = ended[self].load(std::memory_order_acquire); how == 0;
         how = ended[self].load(std::memory_order_acquire)) {
      model::pause();
    }
    return static_cast<result>(how);
  }

  int first() {
    for (unsigned i = 0; i < 3; ++i) {
      if (queued[i](model::here()) == 1) return static_cast<int>(i);
    }
    return -1;
  }

  bool signal(result how) {
    for (int next = first(); next >= 0; next = first()) {
      const auto i = static_cast<unsigned>(next);
      queued[i](model::here()) = 0;
      if (how == result::handed_over) word.hold(first() >= 0);
      int expected = 0;
      if (ended[i].compare_exchange_strong(expected, static_cast<int>(how), std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
        return true;
      }
    }
    return false;
  }

  void unlock() {
    const auto end = word.give_up();
    RL_ASSERT(end != weft::detail::lock_word::end::was_not_held);
    if (end == weft::detail::lock_word::end::released) return;
    lock.lock();
    const bool wake = woken(model::here()) == 0;
    if (!wake || !hands_over || !signal(result::handed_over)) {
      word.release();
      if (wake && signal(result::woken)) woken(model::here()) = 1;
    }
    lock.unlock();
  }

  void after() {
    RL_ASSERT(word.is_free());
    RL_ASSERT(guarded(model::here()) >= 4);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<mutex_model>(
      argc, argv, 200'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
