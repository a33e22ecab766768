// Storage of closures and results in task nodes, and where nodes come from.
#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using detail::stored;
using detail::task_node;

template <std::size_t N>
struct sized {
  std::array<std::byte, N> bytes{};
};
struct alignas(64) over_aligned {
  int value = 0;
};
struct throwing_move {
  throwing_move() = default;
  throwing_move(throwing_move&&) noexcept(false) {}
};

static_assert(detail::fits_in_node<sized<task_node::storage_size>>);
static_assert(!detail::fits_in_node<sized<task_node::storage_size + 1>>);
static_assert(!detail::fits_in_node<over_aligned>);
static_assert(!detail::fits_in_node<throwing_move>, "a move that throws half way would leave the node in no state");

template <class T>
bool stored_in_place(const T& object, const task_node& node) {
  const auto* at = reinterpret_cast<const std::byte*>(&object);
  return at >= node.storage && at < node.storage + task_node::storage_size;
}

TEST(task_node, small_things_are_stored_in_place_and_others_beside) {
  task_node node;
  stored<int>::construct(node.storage, 5);
  EXPECT_TRUE(stored_in_place(stored<int>::get(node.storage), node));
  EXPECT_EQ(stored<int>::get(node.storage), 5);
  stored<int>::destroy(node.storage);

  stored<sized<200>>::construct(node.storage);
  EXPECT_FALSE(stored_in_place(stored<sized<200>>::get(node.storage), node));
  stored<sized<200>>::destroy(node.storage);
}

TEST(task_node, alignment_beyond_the_nodes_is_kept) {
  task_node node;
  stored<over_aligned>::construct(node.storage);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&stored<over_aligned>::get(node.storage)) % 64, 0U);
  stored<over_aligned>::destroy(node.storage);
}

TEST(task_node, what_is_stored_is_destroyed_once) {
  task_node node;
  auto counted = std::make_shared<int>(1);
  stored<std::shared_ptr<int>>::construct(node.storage, counted);
  EXPECT_EQ(counted.use_count(), 2);
  stored<std::shared_ptr<int>>::destroy(node.storage);
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(task_node, nodes_come_clean_and_distinct_on_any_thread) {
  std::vector<task_node*> nodes;
  for (int i = 0; i < 1'000; ++i) nodes.push_back(detail::allocate_task());
  EXPECT_EQ(std::set<task_node*>(nodes.begin(), nodes.end()).size(), nodes.size());
  for (task_node* n : nodes) {
    EXPECT_EQ(n->state.load(), 0U);
    EXPECT_EQ(n->outcome, task_node::result::none);
    EXPECT_EQ(n->waiters, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(n) % 64, 0U) << "two cache lines, not three";
    n->state.store(7);
  }
  std::thread other([&] {
    for (task_node* n : nodes) detail::free_task(n);
  });
  other.join();
}

// Tasks are spawned on one worker and end on others: nodes must find their way back.
TEST(task_node, memory_does_not_grow_with_the_number_of_tasks) {
  if (test::sanitized) return;  // allocators of sanitizers do not say how much is in use
  test::run([] {
    auto spawn_many = [] {
      group g;
      for (int i = 0; i < 1'000; ++i) g.spawn([] { yield(); });
    };
    for (int i = 0; i < 20; ++i) spawn_many();
    const std::size_t before = ::mallinfo2().uordblks;
    for (int i = 0; i < 200; ++i) spawn_many();
    EXPECT_LT(::mallinfo2().uordblks, before + (std::size_t{2} << 20));
  });
}

TEST(task_node, memory_does_not_grow_with_the_number_of_runtimes) {
  if (test::sanitized) return;
  auto use_a_runtime = [] {
    test::run([] {
      group g;
      for (int i = 0; i < 300; ++i) g.spawn([] { yield(); });
    });
  };
  for (int i = 0; i < 10; ++i) use_a_runtime();
  const std::size_t before = ::mallinfo2().uordblks;
  for (int i = 0; i < 200; ++i) use_a_runtime();
  EXPECT_LT(::mallinfo2().uordblks, before + (std::size_t{2} << 20));
}

}  // namespace
}  // namespace weft
