// The ring of ready fibers: its owner pushes and pops, a thief takes half. Each fiber is taken once, and whoever takes it sees what was
// written before it was made ready.
#include "model.hpp"

namespace weft::detail {
struct fiber {
  rl::var<int> stack;
  int taken = 0;  // ghost: no thread of the model synchronises by it
};
}  // namespace weft::detail

#include <weft/scheduler/detail/ready_ring.hpp>

namespace {

using weft::detail::fiber;
using weft::detail::ready_ring;

struct ring_model : rl::test_suite<ring_model, 3> {
  static constexpr int count = 4;
  ready_ring ring;
  std::array<fiber, count> fibers;

  void thread(unsigned index) {
    if (index != 0) return steal();
    for (int i = 0; i < count; ++i) {
      fiber& f = fibers[static_cast<std::size_t>(i)];
      f.stack(model::here()) = 1;
      RL_ASSERT(ring.push(&f));
      if (i == 1) run(ring.pop());
    }
    while (fiber* f = ring.pop()) run(f);
  }

  void steal() {
    ready_ring::batch batch;
    const std::uint32_t n = ring.take_half(batch);
    for (std::uint32_t i = 0; i < n; ++i) run(batch[i]);
  }

  static void run(fiber* f) {
    if (f == nullptr) return;
    RL_ASSERT(f->stack(model::here()) == 1);
    f->stack(model::here()) = 2;
    RL_ASSERT(f->taken++ == 0);
  }

  void after() {
    while (fiber* f = ring.pop()) run(f);
    for (auto& f : fibers) RL_ASSERT(f.taken == 1);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return model::check<ring_model>(argc, argv, 20'000,
                                  {{"release", model::fault::release}, {"acquire", model::fault::acquire}});
}
