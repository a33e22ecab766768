// Calls that block a thread: they run elsewhere, and the worker goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// What a thread waits for without giving way.
class latch {
 public:
  void open() {
    std::lock_guard guard(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

TEST(blocking, returns_and_throws_what_the_function_does) {
  test::run([] {
    EXPECT_EQ(blocking([] { return 4; }), 4);
    EXPECT_EQ(blocking([] { return std::string(100, 'x'); }), std::string(100, 'x'));
    EXPECT_EQ(*blocking([] { return std::make_unique<int>(5); }), 5);
    bool ran = false;
    blocking([&] { ran = true; });
    EXPECT_TRUE(ran);
    EXPECT_THROW(blocking([] { throw std::out_of_range("far"); }), std::out_of_range);
    EXPECT_THROW(blocking([]() -> int { throw 3; }), int);
  });
}

TEST(blocking, runs_on_another_thread_that_is_no_worker) {
  test::run([] {
    const auto here = std::this_thread::get_id();
    blocking([&] {
      EXPECT_NE(std::this_thread::get_id(), here);
      EXPECT_EQ(current_worker(), -1);
      EXPECT_FALSE(in_fiber());
    });
  });
}

TEST(blocking, leaves_the_worker_to_others) {
  weft::run(test::test_options(1), [] {
    latch l;
    std::atomic<bool> returned{false};
    group g;
    g.spawn([&] {
      blocking([&] { l.wait(); });
      returned.store(true);
    });
    for (int i = 0; i < 100; ++i) yield();
    EXPECT_FALSE(returned.load());
    l.open();
    g.join();
    EXPECT_TRUE(returned.load());
  });
}

TEST(blocking, uses_at_most_as_many_threads_as_allowed_and_queues_the_rest) {
  options o = test::test_options();
  o.blocking_threads = 3;
  weft::run(o, [] {
    latch l;
    std::atomic<int> at_once{0};
    std::atomic<int> most{0};
    std::atomic<int> ended{0};
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&] {
        blocking([&] {
          const int now = at_once.fetch_add(1) + 1;
          for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          l.wait();
          at_once.fetch_sub(1);
        });
        ended.fetch_add(1);
      });
    }
    test::give_way_until([&] { return at_once.load() == 3; });
    EXPECT_EQ(ended.load(), 0);
    l.open();
    g.join();
    EXPECT_EQ(ended.load(), 20);
    EXPECT_EQ(most.load(), 3);
  });
}

TEST(blocking, grows_to_what_is_needed_at_once) {
  options o = test::test_options();
  o.blocking_threads = 10;
  weft::run(o, [] {
    std::atomic<int> at_once{0};
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        blocking([&] {
          at_once.fetch_add(1);
          while (at_once.load() < 10) std::this_thread::yield();
        });
      });
    }
  });
}

TEST(blocking, no_threads_allowed_means_one) {
  options o = test::test_options();
  o.blocking_threads = 0;
  EXPECT_EQ(weft::run(o, [] { return blocking([] { return 1; }); }), 1);
}

TEST(blocking, is_a_cancellation_point_on_entry) {
  test::run([] {
    group g;
    g.cancel();
    bool ran = false;
    EXPECT_THROW(blocking([&] { ran = true; }), cancelled);
    EXPECT_FALSE(ran);
  });
}

TEST(blocking, once_begun_is_awaited_although_cancelled) {
  test::run([] {
    latch l;
    std::atomic<bool> begun{false};
    std::string on_the_stack_of_the_caller;
    group g;
    auto t = g.spawn([&] {
      std::string local;
      blocking([&] {
        begun.store(true);
        l.wait();
        local = "written late";
      });
      on_the_stack_of_the_caller = local;
      EXPECT_THROW(yield(), cancelled);
      return 1;
    });
    test::give_way_until([&] { return begun.load(); });
    g.cancel();
    l.open();
    g.join();
    EXPECT_EQ(on_the_stack_of_the_caller, "written late");
    EXPECT_EQ(t.get(), 1);
  });
}

TEST(blocking, a_deadline_does_not_cut_it_short) {
  test::run([] {
    bool begun = false;  // where the limit has passed before the call, the next limit is longer
    for (auto limit = 1ms; !begun; limit *= 2) {
      try {
        const auto passed = std::chrono::steady_clock::now() + 2 * limit;
        EXPECT_EQ(with_deadline(limit,
                                [&] {
                                  return blocking([&] {
                                    begun = true;
                                    std::this_thread::sleep_until(passed);
                                    return 2;
                                  });
                                }),
                  2);
      } catch (const timeout_error&) {
        EXPECT_FALSE(begun);
      }
    }
  });
}

TEST(blocking, outside_a_fiber_simply_calls) {
  const auto here = std::this_thread::get_id();
  EXPECT_EQ(blocking([&] { return std::this_thread::get_id(); }), here);
  EXPECT_THROW(blocking([] { throw 1; }), int);
}

TEST(blocking, within_blocking_simply_calls) {
  test::run([] {
    EXPECT_TRUE(blocking([] {
      const auto here = std::this_thread::get_id();
      return blocking([&] { return std::this_thread::get_id() == here; });
    }));
  });
}

TEST(blocking, thousands_of_calls_from_many_fibers) {
  test::run([] {
    std::atomic<long> sum{0};
    {
      group g;
      for (int f = 0; f < 50; ++f) {
        g.spawn([&, f] {
          for (int i = 0; i < test::rounds(40); ++i) sum.fetch_add(blocking([&] { return f + i; }));
        });
      }
    }
    const long n = test::rounds(40);
    EXPECT_EQ(sum.load(), 50 * n * (n - 1) / 2 + n * (50 * 49 / 2));
  });
}

TEST(blocking, the_runtime_may_end_at_once_after_the_last_call) {
  for (int i = 0; i < test::rounds(300); ++i) {
    test::run([] {
      group g;
      for (int k = 0; k < 3; ++k) g.spawn([] { blocking([] {}); });
    });
  }
}

}  // namespace
}  // namespace weft
