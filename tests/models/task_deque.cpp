// The deque of tasks: its owner pushes and pops, two thieves steal, the array grows meanwhile. Each task is taken once, and whoever
// takes it sees what was written before it was pushed.
#include "model.hpp"

namespace weft::detail {
struct task_node {
  rl::var<int> content;
  int taken = 0;  // ghost: no thread of the model synchronises by it
};
}  // namespace weft::detail

#include <weft/scheduler/detail/task_deque.hpp>

namespace {

using weft::detail::task_node;

struct deque_model : rl::test_suite<deque_model, 3> {
  static constexpr int count = 4;
  weft::detail::task_deque deque{2};
  std::array<task_node, count> tasks;

  void thread(unsigned index) {
    if (index == 0) {
      own();
    } else {
      for (int i = 0; i < 2; ++i) take(deque.steal());
    }
  }

  void own() {
    for (int i = 0; i < count; ++i) {
      auto& task = tasks[static_cast<std::size_t>(i)];
      task.content(model::here()) = i + 1;
      deque.push(&task);
      if (i % 2 == 1) take(deque.pop());
    }
    while (take(deque.pop())) {
    }
  }

  static bool take(task_node* task) {
    if (task == nullptr) return false;
    RL_ASSERT(task->content(model::here()) > 0);
    RL_ASSERT(task->taken++ == 0);
    return true;
  }

  void after() {
    take(deque.steal());
    for (auto& task : tasks) RL_ASSERT(task.taken == 1);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<deque_model>(
      argc, argv, 100'000,
      {{"release", model::fault::release}, {"seq_cst", model::fault::seq_cst}, {"fence", model::fault::fence}});
}
