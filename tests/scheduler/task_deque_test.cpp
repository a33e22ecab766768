// The deque of unstarted tasks: order, growth, and that each task is taken exactly once.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/task_deque.hpp>
#include <weft/scheduler/detail/task_node.hpp>

namespace weft {
namespace {

using detail::task_deque;
using detail::task_node;

TEST(task_deque, is_empty_at_first) {
  task_deque d;
  EXPECT_TRUE(d.empty());
  EXPECT_EQ(d.pop(), nullptr);
  EXPECT_EQ(d.steal(), nullptr);
  EXPECT_EQ(d.peek(), nullptr);
}

TEST(task_deque, owner_pops_the_newest_and_thieves_take_the_oldest) {
  task_deque d;
  std::vector<task_node> nodes(4);
  for (task_node& n : nodes) d.push(&n);
  EXPECT_FALSE(d.empty());
  EXPECT_EQ(d.peek(), &nodes[3]);
  EXPECT_EQ(d.pop(), &nodes[3]);
  EXPECT_EQ(d.steal(), &nodes[0]);
  EXPECT_EQ(d.peek(), &nodes[2]);
  EXPECT_EQ(d.steal(), &nodes[1]);
  EXPECT_EQ(d.pop(), &nodes[2]);
  EXPECT_TRUE(d.empty());
  EXPECT_EQ(d.pop(), nullptr);
  EXPECT_EQ(d.peek(), nullptr);
}

TEST(task_deque, grows_and_keeps_the_order) {
  task_deque d;
  std::vector<task_node> nodes(10'000);
  for (task_node& n : nodes) d.push(&n);
  for (std::size_t i = 0; i < 100; ++i) ASSERT_EQ(d.steal(), &nodes[i]);
  for (std::size_t i = nodes.size(); i-- > 100;) ASSERT_EQ(d.pop(), &nodes[i]);
  EXPECT_TRUE(d.empty());
}

TEST(task_deque, grows_while_its_contents_wrap_around_the_array) {
  task_deque d;
  std::vector<task_node> nodes(5'000);
  std::size_t pushed = 0;
  std::size_t stolen = 0;
  while (pushed < 1'000) d.push(&nodes[pushed++]);
  while (stolen < 900) ASSERT_EQ(d.steal(), &nodes[stolen++]);
  while (pushed < nodes.size()) d.push(&nodes[pushed++]);
  while (stolen < nodes.size()) ASSERT_EQ(d.steal(), &nodes[stolen++]);
  EXPECT_TRUE(d.empty());
}

TEST(task_deque, behaves_like_a_double_ended_queue) {
  test::random_source random;
  task_deque d;
  std::deque<task_node*> model;
  std::vector<task_node> nodes(1'024);
  for (int i = 0; i < 200'000; ++i) {
    const bool filling = (i / 4'000) % 2 == 0;
    switch (random.below(filling ? 4 : 5)) {
      case 0:
        ASSERT_EQ(d.pop(), model.empty() ? nullptr : model.back());
        if (!model.empty()) model.pop_back();
        break;
      case 1:
      case 4:
        ASSERT_EQ(d.steal(), model.empty() ? nullptr : model.front());
        if (!model.empty()) model.pop_front();
        break;
      default:
        model.push_back(&nodes[random.below(1'024)]);
        d.push(model.back());
    }
    ASSERT_EQ(d.empty(), model.empty());
    ASSERT_EQ(d.peek(), model.empty() ? nullptr : model.back());
  }
}

TEST(task_deque, each_task_is_taken_once_by_owner_or_thief) {
  test::random_source random;
  constexpr std::size_t count = 50'000;
  std::vector<task_node> nodes(count);
  std::vector<std::atomic<int>> taken(count);
  task_deque d;
  std::atomic<bool> done{false};
  auto take = [&](task_node* n) { taken[static_cast<std::size_t>(n - nodes.data())].fetch_add(1); };

  std::vector<std::thread> thieves;
  for (int t = 0; t < 3; ++t) {
    thieves.emplace_back([&] {
      while (!done.load()) {
        if (task_node* n = d.steal()) {
          take(n);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::size_t pushed = 0; pushed < count;) {
    const std::size_t burst = 1 + random.below(random.one_in(50) ? 3'000 : 4);
    for (std::size_t i = 0; i < burst && pushed < count; ++i) d.push(&nodes[pushed++]);
    for (std::uint32_t pops = random.below(6); pops > 0; --pops) {
      if (task_node* n = d.pop()) take(n);
    }
    if (random.one_in(64)) std::this_thread::yield();
  }
  while (task_node* n = d.pop()) take(n);
  test::give_way_until([&] { return d.empty(); });
  done.store(true);
  for (std::thread& t : thieves) t.join();

  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(taken[i].load(), 1) << "task " << i;
}

// The hardest moment: owner and thief after the last task.
TEST(task_deque, the_last_task_goes_to_one_of_two) {
  const int rounds = test::rounds(20'000);
  task_deque d;
  task_node node;
  std::atomic<int> round{0};
  std::atomic<int> stolen{0};
  std::atomic<int> thief_at{0};
  std::thread thief([&] {
    for (int i = 1; i <= rounds; ++i) {
      test::give_way_until([&] { return round.load() >= i; });
      if (d.steal() != nullptr) stolen.fetch_add(1);
      thief_at.store(i);
    }
  });
  int popped = 0;
  for (int i = 1; i <= rounds; ++i) {
    d.push(&node);
    round.store(i);
    if (d.pop() != nullptr) ++popped;
    test::give_way_until([&] { return thief_at.load() >= i; });
    while (d.pop() != nullptr) ++popped;  // the thief may have come too early, or lost to nobody
    ASSERT_EQ(popped + stolen.load(), i);
  }
  thief.join();
}

}  // namespace
}  // namespace weft
