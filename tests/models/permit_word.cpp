// The semaphore's word with a queue as semaphore_core.cpp has it. Two threads take a permit each and give it back, a third one gives up waiting. There is one permit:
// nobody shares it, nobody waits for ever, and in the end it is there again.
#include "model.hpp"

#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/permit_word.hpp>

namespace {

struct semaphore_model : rl::test_suite<semaphore_model, 3> {
  using gift = weft::detail::permit_word::gift;
  static constexpr int waiting = 0, woken = 1, gave_up = 2;

  weft::detail::permit_word word{1};
  weft::spin_lock lock;
  std::array<rl::var<int>, 3> queued;  // under the lock
  std::array<std::atomic<int>, 3> ended;
  rl::var<int> guarded;
  int inside = 0;  // ghost

  void before() {
    for (auto& q : queued) q(model::here()) = 0;
    for (auto& e : ended) e.store(waiting, std::memory_order_relaxed);
    guarded(model::here()) = 0;
  }

  void thread(unsigned index) {
    if (!acquire(index)) return;
    RL_ASSERT(inside++ == 0);
    guarded(model::here()) = static_cast<int>(guarded(model::here())) + 1;
    --inside;
    release();
  }

  bool acquire(unsigned self) {
    if (word.try_take()) return true;
    lock.lock();
    if (word.take_or_wait()) {
      lock.unlock();
      return true;
    }
    queued[self](model::here()) = 1;
    lock.unlock();
    return wait(self) == woken;
  }

  int wait(unsigned self) {
    int how = waiting;
    if (self == 2 &&
        ended[self].compare_exchange_strong(how, gave_up, std::memory_order_acq_rel, std::memory_order_acquire)) {
      lock.lock();
      queued[self](model::here()) = 0;
      lock.unlock();
      return gave_up;
    }
    for (how = ended[self].load(std::memory_order_acquire); how == waiting;
         how = ended[self].load(std::memory_order_acquire)) {
      model::pause();
    }
    return how;
  }

  void release() {
    gift given = word.try_give(1, 1);
    while (given == gift::somebody_waits) {
      lock.lock();
      const bool somebody = word.somebody_waits();
      if (somebody) give_to_waiters();
      lock.unlock();
      if (somebody) return;
      given = word.try_give(1, 1);
    }
    RL_ASSERT(given == gift::done);
  }

  void give_to_waiters() {
    int permits = 1;
    bool left = false;
    for (unsigned i = 0; i < 3; ++i) {
      if (queued[i](model::here()) == 0) continue;
      if (permits == 0) {
        left = true;
        continue;
      }
      queued[i](model::here()) = 0;
      int expected = waiting;
      if (ended[i].compare_exchange_strong(expected, woken, std::memory_order_acq_rel, std::memory_order_acquire))
        --permits;
    }
    if (!left || model::with(model::fault::step)) word.end_waiting(permits);
  }

  void after() { RL_ASSERT(word.permits() == 1 || word.somebody_waits()); }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<semaphore_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
