// The split count of a group's children, and its end: scheduler/detail/group_core.cpp, submit(), child_done() and wait_for_tasks(), whose
// steps stand here in their order. The owner has one child, which spawns another; both end at any time. The owner wakes once, sees what
// they did, and then the group is gone: nobody may touch it any more.
#include "model.hpp"

namespace {

constexpr long not_joining = -100;
constexpr long own_children = 1;

struct join_model : rl::test_suite<join_model, 4> {
  std::atomic<long> count{not_joining};
  rl::var<int> joiner;  // the ticket; part of the group
  rl::var<int> group;   // its memory: read by whoever uses it, written when it goes
  std::array<rl::var<int>, 2> results;
  std::atomic<int> second_spawned{0};
  std::atomic<int> parked{0};  // 1: the owner's stack is out of use, and its release step is due; 2: it need not wait
  std::atomic<int> woken{0};

  void before() {
    group(model::here()) = 1;
    joiner(model::here()) = 0;
    for (auto& r : results) r(model::here()) = 0;
  }

  void thread(unsigned index) {
    switch (index) {
      case 0:
        return own();
      case 1:  // the owner's child
        use_group();
        count.fetch_add(1, std::memory_order_relaxed);  // submit() by another than the owner
        second_spawned.store(1, std::memory_order_release);
        results[0](model::here()) = 1;
        return child_done();
      case 2:
        while (second_spawned.load(std::memory_order_acquire) == 0) model::pause();
        results[1](model::here()) = 1;
        return child_done();
      default:  // the worker that the owner parked on
        while (parked.load(std::memory_order_acquire) == 0) model::pause();
        if (parked.load(std::memory_order_relaxed) == 1) release_step();
    }
  }

  void use_group() { RL_ASSERT(group(model::here()) == 1); }

  void signal(int ticket) {
    RL_ASSERT(ticket == 1);
    RL_ASSERT(woken.fetch_add(1, std::memory_order_acq_rel) == 0);
  }

  void child_done() {
    use_group();
    if (count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      use_group();
      signal(joiner(model::here()));
    }
  }

  void own() {
    const bool unfinished = count.load(std::memory_order_acquire) != not_joining - own_children;
    if (unfinished) joiner(model::here()) = 1;
    parked.store(unfinished ? 1 : 2, std::memory_order_release);
    while (unfinished && woken.load(std::memory_order_acquire) == 0) model::pause();
    for (auto& r : results) RL_ASSERT(r(model::here()) == 1);
    group(model::here()) = 0;
    joiner(model::here()) = -1;
  }

  void release_step() {
    use_group();
    int ticket = joiner(model::here());
    const long share = own_children - not_joining;
    const bool complete = count.fetch_add(share, std::memory_order_acq_rel) == -share;
    if (model::with(model::fault::step)) ticket = joiner(model::here());  // too late: the group may be gone
    if (complete) signal(ticket);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<join_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"acquire", model::fault::acquire}, {"step", model::fault::step}});
}
