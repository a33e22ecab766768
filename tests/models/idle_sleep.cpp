// Falling asleep against new work: scheduler/detail/worker_idle.cpp (suspend_until(), end_search()) and runtime_core.cpp
// (wake_if_wanted(), wake_one()), futex_driver.cpp (wait(), interrupt()), around the product's own idle_set. One worker pushes two pieces of
// work and has enough to do itself; two others sleep, search and steal, and each of them keeps at what it took until both are
// taken. Nobody looks around unasked: a lost wake is an endless loop.
#include "model.hpp"

#include <weft/scheduler/detail/idle_set.hpp>

namespace {

struct sleep_model : rl::test_suite<sleep_model, 3> {
  static constexpr int work = 2;
  weft::detail::idle_set idle;
  std::atomic<int> top{0}, bottom{0};  // the pusher's deque
  std::array<std::atomic<int>, 2> interrupted;
  std::atomic<int> done{0};
  bool membarrier = true;

  void before() { membarrier = rl::rand(2) == 0; }

  void thread(unsigned index) {
    if (index == 0) {
      push();
    } else {
      steal(index - 1);
    }
  }

  void light_fence() const {
    if (!membarrier && !model::with(model::fault::light)) rl::atomic_thread_fence(rl::mo_seq_cst, model::here());
  }
  void heavy_fence() const {
    if (model::with(model::fault::heavy)) return;
    rl::atomic_thread_fence(rl::mo_seq_cst, model::here());
    if (membarrier) rl::systemwide_fence(model::here());
  }

  void push() {
    for (int i = 1; i <= work; ++i) {
      bottom.store(i, std::memory_order_release);
      wake_if_wanted();
    }
  }

  void wake_if_wanted() {
    light_fence();
    if (!idle.wants_wake()) return;
    const int sleeper = idle.claim_one();
    if (sleeper >= 0) interrupt(sleeper);
  }

  void interrupt(int worker) { interrupted[static_cast<std::size_t>(worker)].exchange(1, std::memory_order_seq_cst); }

  [[nodiscard]] bool work_in_sight() const {
    return top.load(std::memory_order_relaxed) < bottom.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool stopping() const { return done.load(std::memory_order_acquire) == work; }

  bool take() {
    int t = top.load(std::memory_order_acquire);
    return t < bottom.load(std::memory_order_acquire) &&
           top.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed);
  }

  void steal(unsigned self) {
    bool searching = false;
    while (!stopping()) {
      if (take()) {
        if (std::exchange(searching, false) && idle.end_search() && !model::with(model::fault::step)) wake_if_wanted();
        done.fetch_add(1, std::memory_order_acq_rel);
        while (!stopping()) model::pause();
        return;
      }
      suspend(self, searching);
    }
  }

  // The driver's. An interrupt that falls between the two steps is answered by the look around that follows.
  static void wait(std::atomic<int>& flag) {
    while (flag.load(std::memory_order_acquire) == 0) model::pause();
    flag.store(0, std::memory_order_seq_cst);
  }

  void suspend(unsigned self, bool& searching) {
    if (!std::exchange(searching, true)) idle.begin_search();
    if (work_in_sight()) return;
    searching = false;
    idle.end_search();
    idle.add(self);
    heavy_fence();
    if (!stopping() && !work_in_sight()) {
      wait(interrupted[self]);
    }
    if (!idle.remove(self)) searching = true;  // whoever claimed us counted us
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<sleep_model>(
      argc, argv, 100'000,
      {{"light", model::fault::light}, {"heavy", model::fault::heavy}, {"step", model::fault::step}});
}
