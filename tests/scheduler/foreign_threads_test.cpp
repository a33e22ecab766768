#include <gtest/gtest.h>
#include <weft/scheduler/foreign_threads.hpp>

#include <atomic>
#include <cstddef>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/scheduler.hpp>

#include "support.hpp"

namespace weft {
namespace {

using namespace std::chrono_literals;

// A runtime with threads of a program that knows none of it. Their ends must be awaited before it goes.
class foreign_threads_test : public testing::Test {
 protected:
  template <class F>
  void start(F& f, std::size_t stack_size = 0) {
    threads_.spawn([](void* function) noexcept { (*static_cast<F*>(function))(); }, &f, "a thread of the test",
                   stack_size);
  }

  runtime runtime_{test::test_options()};
  foreign_threads threads_{runtime_};
};

TEST_F(foreign_threads_test, they_run_wait_and_come_from_any_thread) {
  constexpr std::ptrdiff_t spawners = 4, each = 100;
  std::latch ended(spawners * each);
  auto f = [&]() noexcept {
    sleep_for(10us);
    yield();
    ended.count_down();
  };
  std::vector<std::thread> outside;
  for (std::ptrdiff_t i = 0; i < spawners; ++i) {
    outside.emplace_back([&] {
      for (std::ptrdiff_t n = 0; n < each; ++n) start(f);
    });
  }
  for (std::thread& t : outside) t.join();
  ended.wait();
}

TEST_F(foreign_threads_test, one_worker_begins_them_in_their_order) {
  runtime alone(test::test_options(1));
  const foreign_threads threads(alone);
  constexpr std::size_t count = 50;
  struct place {
    std::vector<std::size_t>* order;
    std::latch* ended;
    std::size_t number;
  };
  std::vector<std::size_t> order;
  std::latch ended(count);
  std::vector<place> places;
  for (std::size_t i = 0; i < count; ++i) places.push_back({&order, &ended, i});
  for (place& p : places) {
    threads.spawn(
        [](void* argument) noexcept {
          const place& own = *static_cast<place*>(argument);
          own.order->push_back(own.number);
          own.ended->count_down();
        },
        &p, "one of many");
  }
  ended.wait();
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(order[i], i);
}

TEST_F(foreign_threads_test, nothing_cancels_them) {
  std::atomic<bool> go_on{false};
  std::latch begun(1), ended(1);
  bool cancelled_seen = false;
  auto f = [&]() noexcept {
    begun.count_down();
    try {
      while (!go_on) sleep_for(100us);
      check_cancelled();
    } catch (const cancelled&) {
      cancelled_seen = true;
    }
    ended.count_down();
  };
  start(f);
  begun.wait();
  runtime_.run([&] {
    group g;
    g.spawn([] { sleep_for(1h); });
    g.cancel();
    g.join();
  });
  go_on = true;
  ended.wait();
  EXPECT_FALSE(cancelled_seen);
}

TEST_F(foreign_threads_test, a_wait_is_interrupted_and_the_next_is_not) {
  std::latch begun(1), ended(1);
  foreign_threads::waits waits;
  int interrupted = 0;
  bool slept = false;
  auto f = [&]() noexcept {
    waits = foreign_threads::waits::of_caller();
    begun.count_down();
    for (int i = 0; i < 2; ++i) {  // and it stays so until renewed
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        ++interrupted;
      }
    }
    waits.renew();
    sleep_for(1us);
    slept = true;
    ended.count_down();
  };
  start(f);
  begun.wait();
  EXPECT_TRUE(static_cast<bool>(waits));
  waits.interrupt();
  ended.wait();
  EXPECT_EQ(interrupted, 2);
  EXPECT_TRUE(slept);
}

TEST_F(foreign_threads_test, stacks_are_as_large_as_wished) {
  EXPECT_EQ(foreign_threads::stack_of_caller().size, 0U);
  for (const std::size_t wished : {std::size_t{0}, std::size_t{64} << 10, std::size_t{3} << 20}) {
    std::latch ended(1);
    foreign_threads::extent found;
    bool on_it = false;
    auto f = [&]() noexcept {
      found = foreign_threads::stack_of_caller();
      const char* here = static_cast<const char*>(__builtin_frame_address(0));
      on_it = here >= found.low && here < found.low + found.size;
      // The lowest page that is its own.
      *const_cast<volatile char*>(found.low) = 1;
      ended.count_down();
    };
    start(f, wished);
    ended.wait();
    EXPECT_TRUE(on_it) << wished;
    EXPECT_GE(found.size, wished);
  }
}

TEST_F(foreign_threads_test, a_stack_beyond_reason_is_refused) {
  auto f = []() noexcept {};
  EXPECT_THROW(start(f, (std::size_t{1} << 30) + 1), std::invalid_argument);
}

TEST_F(foreign_threads_test, dumps_tell_their_names) {
  std::latch begun(1), told(1), ended(1);
  foreign_threads::waits waits;
  auto f = [&]() noexcept {
    waits = foreign_threads::waits::of_caller();
    begun.count_down();
    try {
      sleep_for(1h);
    } catch (const cancelled&) {
    }
    told.wait();  // or interrupt() would be in the waits of a thread that has ended
    ended.count_down();
  };
  start(f);
  begun.wait();
  const std::string text = dump();
  EXPECT_NE(text.find("a thread of the test"), std::string::npos) << text;
  waits.interrupt();
  told.count_down();
  ended.wait();
}

}  // namespace
}  // namespace weft
