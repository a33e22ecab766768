// One wait that stands in the lines of two channels: selection::park() and withdraw() of sync/select.cpp, and a counterpart's claim, hand-over and
// resume of channel_core.hpp, whose steps stand here in their order. Exactly one counterpart, or a cancellation, ends the wait; a value goes only to
// the wait that its sender has ended; and when the fiber goes on, nobody touches its frame any more, the release step neither.
#include "model.hpp"

#include <weft/scheduler/detail/wait_word.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace {

using weft::wake;

struct select_model : rl::test_suite<select_model, 4> {
  struct channel {
    weft::spin_lock lock;
    rl::var<int> queued;   // guarded by the lock; what follows is in the fiber's frame
    rl::var<int> outcome;  // 1: a value has passed
    rl::var<int> value;
  };
  weft::detail::wait_word word;
  std::array<channel, 2> channels;
  rl::var<int> frame;          // the list of locks that the release step reads
  std::atomic<int> parked{0};  // the fiber's stack is out of use, the release step is due
  std::atomic<int> ready{0};   // a worker's queue
  rl::var<std::uint64_t> node_epoch;
  int ended = 0, passed = 0;  // ghosts

  void before() {
    frame(model::here()) = 0;
    node_epoch(model::here()) = 0;
    for (channel& c : channels) {
      c.queued(model::here()) = 0;
      c.outcome(model::here()) = 0;
      c.value(model::here()) = 0;
    }
  }

  void thread(unsigned index) {
    switch (index) {
      case 0:
        return select();
      case 1:
        return send_or_cancel(channels[0]);
      case 2:
        return send_or_cancel(channels[1]);
      default:
        return release_step();
    }
  }

  void select() {
    const std::uint64_t mine = word.prepare(true);
    for (channel& c : channels) c.lock.lock();
    node_epoch(model::here()) = mine;
    for (channel& c : channels) c.queued(model::here()) = 1;
    frame(model::here()) = 2;
    parked.store(1, std::memory_order_release);
    while (ready.load(std::memory_order_acquire) == 0) model::pause();
    const wake why = word.result();
    int received = 0;
    for (channel& c : channels) {
      if (c.outcome(model::here()) == 1) {
        RL_ASSERT(c.value(model::here()) == 7);
        ++received;
      } else if (!model::with(model::fault::step)) {
        c.lock.lock();
        c.queued(model::here()) = 0;
        c.lock.unlock();
      }
    }
    RL_ASSERT(ended == 1 && received == passed);
    RL_ASSERT((why == wake::signalled) == (received == 1));
    frame(model::here()) = -1;  // it goes on: the frame is others'
  }

  // On the next fiber's stack.
  void release_step() {
    while (parked.load(std::memory_order_acquire) == 0) model::pause();
    word.begin_waiting();
    const int count = frame(model::here());
    for (int i = 0; i < count; ++i) {
      channels[static_cast<std::size_t>(i)].lock.unlock();
      if (i + 1 < count) RL_ASSERT(frame(model::here()) == count);
    }
  }

  void send_or_cancel(channel& c) {
    if (rl::rand(3) == 0) return cancel();
    for (;;) {
      c.lock.lock();
      const bool there = c.queued(model::here()) == 1;
      if (there) break;
      c.lock.unlock();
      if (ready.load(std::memory_order_acquire) != 0) return;  // the other was quicker, and the fiber has left the line
      model::pause();
    }
    c.queued(model::here()) = 0;
    const bool claimed = word.claim(node_epoch(model::here()), wake::signalled);
    if (claimed) {
      ++ended;
      ++passed;
      c.value(model::here()) = 7;
      c.outcome(model::here()) = 1;
    }
    c.lock.unlock();
    if (claimed) ready.store(1, std::memory_order_release);
  }

  void cancel() {
    while (!word.claim_for_cancellation()) {
      if (ready.load(std::memory_order_acquire) != 0) return;
      model::pause();
    }
    ++ended;
    ready.store(1, std::memory_order_release);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<select_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
