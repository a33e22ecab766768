// The word that all compete for who could end a fiber's wait: a signal, its time limit, a cancellation. Exactly one wins, it meets a stack
// that is out of use, and the fiber, made ready by the winner alone, sees what the winner did before. Then the fiber waits again, and
// a ticket of the first wait that comes late must not end the second.
#include "model.hpp"

#include <weft/scheduler/detail/wait_word.hpp>

namespace {

using weft::wake;

struct word_model : rl::test_suite<word_model, 4> {
  weft::detail::wait_word word;
  rl::var<int> stack;              // the fiber's, which it uses while it runs and the winner once it has won
  std::atomic<std::uint64_t> out;  // the ticket's epoch, once it is given away
  std::atomic<int> ready{0};       // how often the fiber was made ready: a worker's queue
  rl::var<int> message;
  int signalled = 0, timed_out = 0, cancelled = 0;  // ghosts

  void thread(unsigned index) {
    switch (index) {
      case 0:
        return wait_twice();
      case 1:
        return signal();
      case 2:
        return time_out();
      default:
        return cancel();
    }
  }

  void wait_twice() {
    const wake first = wait(1);
    RL_ASSERT(signalled + timed_out + cancelled == 1);
    RL_ASSERT((first == wake::signalled) == (signalled == 1));
    if (first == wake::signalled) RL_ASSERT(message(model::here()) == 1);
    if (cancelled == 1) return;
    const wake second = wait(2);  // only the cancellation is left to end this one
    RL_ASSERT(second == wake::cancelled && cancelled == 1);
  }

  wake wait(int times) {
    stack(model::here()) = times;
    const std::uint64_t epoch = word.prepare(true);
    if (times == 1) out.store(epoch, std::memory_order_release);
    stack(model::here()) = times;
    word.begin_waiting();
    if (model::with(model::fault::step)) stack(model::here()) = times;  // the stack is still in use
    while (ready.load(std::memory_order_acquire) < times) model::pause();
    RL_ASSERT(stack(model::here()) == -times);  // whoever resumes it has had the stack to himself
    return word.result();
  }

  void resume() {
    const int before = static_cast<int>(stack(model::here()));
    stack(model::here()) = -before;
    ready.fetch_add(1, std::memory_order_acq_rel);
  }

  std::uint64_t ticket() {
    std::uint64_t epoch = out.load(std::memory_order_acquire);
    for (; epoch == 0; epoch = out.load(std::memory_order_acquire)) model::pause();
    return epoch;
  }

  void signal() {
    const std::uint64_t epoch = ticket();
    message(model::here()) = 1;
    if (!word.claim(epoch, wake::signalled)) return;
    ++signalled;
    resume();
  }

  void time_out() {
    const std::uint64_t epoch = ticket();
    if (!word.claim(epoch, wake::timed_out)) return;
    ++timed_out;
    resume();
  }

  // Cancels whatever wait there is, until it has ended one: as a scope that is cancelled again and again.
  void cancel() {
    while (!word.claim_for_cancellation()) model::pause();
    ++cancelled;
    resume();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<word_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
