// A fiber that begins to wait against a cancellation of its scope: scheduler/park.cpp (parker's constructor) and scope.cpp (cancel(),
// claim_members()). The fiber stores that it prepares and then looks at the epoch; the canceller advances the epoch and then looks at the
// fiber. One of them must see the other, or the fiber waits for ever. The fence between is asymmetric: the canceller's is
// membarrier(2), here Relacy's system-wide fence; the fiber's is nothing at all. Where the kernel refuses membarrier both are ordinary.
#include "model.hpp"

#include <weft/scheduler/detail/wait_word.hpp>

namespace {

using weft::wake;

struct epoch_model : rl::test_suite<epoch_model, 3> {
  weft::detail::wait_word word;
  std::atomic<std::uint64_t> epoch{1};
  std::atomic<int> origin{0};
  std::atomic<std::uint64_t> out;  // the ticket of the first wait
  std::atomic<int> ready{0};
  bool membarrier = true;

  void before() { membarrier = rl::rand(2) == 0; }

  void thread(unsigned index) {
    switch (index) {
      case 0:
        return wait_until_cancelled();
      case 1:
        return signal();
      default:
        return cancel();
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

  [[nodiscard]] bool is_cancelled() const {
    if (epoch.load(std::memory_order_acquire) == 1) return false;
    RL_ASSERT(origin.load(std::memory_order_acquire) == 1);
    return true;
  }

  // False if the scope is cancelled.
  bool prepare(int times) {
    if (model::with(model::fault::step) && is_cancelled()) return false;
    const std::uint64_t ticket = word.prepare(true);
    if (times == 1) out.store(ticket, std::memory_order_release);
    light_fence();
    if (model::with(model::fault::step) || !is_cancelled()) return true;
    word.abandon();
    return false;
  }

  void wait_until_cancelled() {
    for (int times = 1;; ++times) {
      if (!prepare(times)) break;
      word.begin_waiting();
      while (ready.load(std::memory_order_acquire) < times) model::pause();
      if (word.result() == wake::cancelled) break;
    }
    RL_ASSERT(is_cancelled());
    out.store(~std::uint64_t{0}, std::memory_order_release);
  }

  void signal() {
    std::uint64_t ticket = out.load(std::memory_order_acquire);
    for (; ticket == 0; ticket = out.load(std::memory_order_acquire)) model::pause();
    if (word.claim(ticket, wake::signalled)) ready.fetch_add(1, std::memory_order_acq_rel);
  }

  void cancel() {
    origin.store(1, std::memory_order_release);
    epoch.fetch_add(1, std::memory_order_seq_cst);
    heavy_fence();
    if (word.claim_for_cancellation()) ready.fetch_add(1, std::memory_order_acq_rel);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<epoch_model>(
      argc, argv, 200'000,
      {{"light", model::fault::light}, {"heavy", model::fault::heavy}, {"step", model::fault::step}});
}
