// Loops over all cores: each element once, in the right order where order matters, failures and cancellation as in any group.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/parallel.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(parallel, for_calls_each_index_once) {
  test::run([] {
    for (const std::size_t size : {0U, 1U, 2U, 3U, 17U, 1'000U, 100'000U}) {
      std::vector<std::atomic<int>> calls(size);
      parallel_for(std::size_t{0}, size, [&](std::size_t i) { calls[i].fetch_add(1); });
      for (auto& n : calls) ASSERT_EQ(n.load(), 1);
    }
  });
}

TEST(parallel, for_takes_integers_and_iterators) {
  test::run([] {
    std::atomic<long> sum{0};
    parallel_for(-50, 51, [&](int i) { sum.fetch_add(i); });
    EXPECT_EQ(sum.load(), 0);
    parallel_for(10L, 5L, [&](long) { sum.fetch_add(1); });
    EXPECT_EQ(sum.load(), 0) << "a range that ends before it begins is empty";
    std::vector<int> values(1'000, 2);
    parallel_for(values.begin(), values.end(), [&](auto it) { sum.fetch_add(*it); });
    EXPECT_EQ(sum.load(), 2'000);
    parallel_for_each(values, [](int& v) { v = 3; });
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0), 3'000);
  });
}

TEST(parallel, an_unsigned_range_that_ends_before_it_begins_is_empty) {
  test::run([] {
    std::atomic<int> calls{0};
    parallel_for(10U, 5U, [&](unsigned) { calls.fetch_add(1); });
    EXPECT_EQ(calls.load(), 0);
  });
}

TEST(parallel, reduce_keeps_the_order_of_elements) {
  test::run([] {
    for (const int size : {0, 1, 2, 100, 5'000}) {
      std::vector<std::string> words;
      std::string expected = ">";
      for (int i = 0; i < size; ++i) {
        words.push_back(std::to_string(i) + ",");
        expected += words.back();
      }
      EXPECT_EQ(parallel_reduce(words, std::string(">")), expected);
    }
  });
}

TEST(parallel, transform_reduce_and_transform_agree_with_the_plain_loop) {
  test::run([] {
    std::vector<int> values(50'000);
    std::iota(values.begin(), values.end(), 1);
    long expected = 0;
    for (const int v : values) expected += static_cast<long>(v) * v;
    EXPECT_EQ(parallel_transform_reduce(values, 0L, std::plus<>{}, [](int v) { return static_cast<long>(v) * v; }),
              expected);
    std::vector<long> squares(values.size());
    EXPECT_EQ(parallel_transform(values, squares.begin(), [](int v) { return static_cast<long>(v) * v; }),
              squares.end());
    EXPECT_EQ(std::accumulate(squares.begin(), squares.end(), 0L), expected);
  });
}

TEST(parallel, sort_sorts_whatever_it_is_given) {
  test::random_source random;
  test::run([&] {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{5'000}, std::size_t{200'000}}) {
      for (const std::uint32_t different : {1U, 2U, 100U, 1'000'000U}) {
        std::vector<std::uint32_t> values(size);
        for (auto& v : values) v = random.below(different);
        auto expected = values;
        std::sort(expected.begin(), expected.end());
        parallel_sort(values);
        ASSERT_EQ(values, expected);
        parallel_sort(values);  // sorted already
        ASSERT_EQ(values, expected);
        parallel_sort(values, std::greater<>{});
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(values, expected);
      }
    }
  });
}

TEST(parallel, invoke_calls_all) {
  test::run([] {
    int a = 0;
    std::string b;
    parallel_invoke(
        [&] {
          yield();
          a = 1;
        },
        [&] { b = "two"; }, [] { sleep_for(10us); });
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "two");
  });
}

TEST(parallel, a_failure_stops_the_rest_and_comes_out) {
  test::run([] {
    std::atomic<int> calls{0};
    constexpr int size = 10'000'000;
    try {
      parallel_for(0, size, [&](int i) {
        calls.fetch_add(1);
        if (i == 100) throw std::out_of_range("at 100");
      });
      ADD_FAILURE();
    } catch (const group_error& e) {
      ASSERT_NE(e.find<std::out_of_range>(), nullptr);
    }
    EXPECT_LT(calls.load(), size);
    std::vector<int> values(10'000, 1);
    EXPECT_THROW(parallel_transform_reduce(values, 0, std::plus<>{}, [](int) -> int { throw 1; }), group_error);
    EXPECT_THROW(parallel_invoke([] { throw 1; }, [] {}), group_error);
    EXPECT_THROW(parallel_sort(values, [](int, int) -> bool { throw 1; }), group_error);
  });
}

TEST(parallel, loops_are_cut_short_by_a_deadline) {
  test::run([] {
    EXPECT_THROW(with_deadline(2ms, [] { parallel_for(0, 1'000'000'000, [](int) { test::spin(50); }); }),
                 timeout_error);
  });
}

TEST(parallel, loops_nest) {
  test::run([] {
    std::atomic<int> calls{0};
    parallel_for(
        0, 30, [&](int) { parallel_for(0, 30, [&](int) { parallel_for(0, 10, [&](int) { calls.fetch_add(1); }); }); });
    EXPECT_EQ(calls.load(), 9'000);
  });
}

TEST(parallel, waiting_fibers_have_their_turn_beside_a_loop) {
  weft::run(test::test_options(1), [] {
    std::atomic<bool> slept{false};
    group g;
    g.spawn([&] {
      for (int i = 0; i < 5; ++i) sleep_for(20us);
      slept.store(true);
    });
    yield();
    try {
      parallel_for(0L, 1L << 40, [&](long) {
        if (slept.load()) throw 1;
      });
      ADD_FAILURE();
    } catch (const group_error&) {
    }
    EXPECT_TRUE(slept.load());
  });
}

TEST(parallel, an_empty_loop_is_no_cancellation_point) {
  test::run([] {
    group g;
    g.cancel();
    EXPECT_NO_THROW(parallel_for(0, 0, [](int) {}));
    EXPECT_THROW(parallel_for(0, 1, [](int) {}), cancelled);
  });
}

TEST(parallel, needs_a_fiber) {
  EXPECT_THROW(parallel_for(0, 10, [](int) {}), std::logic_error);
}

}  // namespace
}  // namespace weft
