// As many fibers at once as a busy server has, under every sanitizer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include <support.hpp>
#include <weft/scheduler/group.hpp>

#include <scheduler/gate.hpp>

namespace weft {
namespace {

constexpr int count = 20'000;

bool throws(int i) { return i % 100 == 0; }

// A switch inside a handler, so that the exception in flight moves along.
void give_way_while_handling(int i) {
  try {
    throw std::runtime_error(std::to_string(i));
  } catch (const std::runtime_error& e) {
    yield();
    if (e.what() != std::to_string(i)) throw std::logic_error("another fiber's exception");
  }
}

TEST(many_fibers, park_at_once_then_wake_migrate_and_throw) {
  runtime rt(test::test_options());
  std::atomic<int> parking{0};
  std::atomic<bool> migrated{test::worker_count() == 1};
  test::gate start;
  const auto body = [&](int i) {
    const pid_t first = ::gettid();
    const auto look = [&] {
      if (::gettid() != first) migrated.store(true);
    };
    parking.fetch_add(1);
    start.pass();
    look();
    give_way_while_handling(i);
    while (i == 0 && !migrated.load()) {
      yield();
      look();
    }
    look();
    if (throws(i)) throw std::out_of_range(std::to_string(i));
  };
  rt.run([&] {
    group g(supervise);
    for (int i = 0; i < count; ++i) g.spawn([&, i] { body(i); });
    test::give_way_until([&] { return parking.load() == count; });
    EXPECT_GE(rt.statistics().stacks_live, static_cast<std::size_t>(count));
    start.open();
    try {
      g.join();
      ADD_FAILURE() << "nothing has failed";
    } catch (const group_error& e) {
      EXPECT_EQ(e.failures().size(), count / 100U);
      EXPECT_NE(e.find<std::out_of_range>(), nullptr);
      EXPECT_EQ(e.find<std::logic_error>(), e.find<std::out_of_range>()) << "which is one";
    }
  });
  EXPECT_TRUE(migrated.load());
}

}  // namespace
}  // namespace weft
