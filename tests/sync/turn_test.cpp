// A fiber whose operations never have to wait leaves others their turn all the same. Each of these hangs if it does not.
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <shared_mutex>

#include <support.hpp>
#include <weft/scheduler/scheduler.hpp>
#include <weft/sync/sync.hpp>

namespace weft {
namespace {

// On one worker, which nobody else can serve: there are no others, and a spare would have to steal the fiber that runs.
void gives_way(const std::function<void()>& operation) {
  weft::run(test::test_options(1), [&] {
    const auto switches = [] { return runtime::current_statistics().total().switches; };
    const std::uint64_t before = switches();
    do {
      for (int i = 0; i < 1000; ++i) operation();
    } while (switches() < before + 3);
  });
  EXPECT_EQ(detail::attention.load(), 0U) << "a request outlives its worker";
}

TEST(turn, lock_gives_way) {
  mutex m;
  gives_way([&] { const std::lock_guard guard(m); });
}

TEST(turn, shared_lock_gives_way) {
  shared_mutex m;
  gives_way([&] { const std::shared_lock guard(m); });
}

TEST(turn, acquire_gives_way) {
  counting_semaphore<> s(1);
  gives_way([&] {
    s.acquire();
    s.release();
  });
}

TEST(turn, waiting_for_what_has_happened_gives_way) {
  event e;
  e.set();
  gives_way([&] { e.wait(); });
  latch l(0);
  gives_way([&] { l.wait(); });
}

TEST(turn, asking_a_task_that_is_done_gives_way) {
  weft::run(test::test_options(1), [&] {
    group g;
    const task<int> t = g.spawn([] { return 1; });
    t.wait();
    const auto switches = [] { return runtime::current_statistics().total().switches; };
    const std::uint64_t before = switches();
    do {
      for (int i = 0; i < 1000; ++i) t.wait();
    } while (switches() < before + 3);
  });
}

TEST(turn, select_gives_way) {
  auto [sender, receiver] = make_channel<int>(1);
  gives_way([&sender = sender, &receiver = receiver] {
    select(sender << 1 >> [] {});
    select(receiver >> [](int) {});
  });
}

// The spawner joins each task on its own stack and never parks.
TEST(turn, spawning_and_joining_gives_way) {
  weft::run(test::test_options(1), [&] {
    bool other_ran = false;
    group g;
    const task<void> other = g.spawn([&] {
      yield();  // from here on it is a fiber among those that can run
      other_ran = true;
    });
    yield();
    while (!other_ran) {
      group inner;
      inner.spawn([] {}).wait();
    }
  });
}

}  // namespace
}  // namespace weft
