// Boost.Fiber's own primitives and fibers, unmodified, inside weft: on tasks' fibers, across workers and with foreign threads.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/fiber/all.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
namespace bf = boost::fibers;

TEST(boost_interop, mutex_excludes_across_workers) {
  test::run([] {
    bf::mutex mutex;
    long counter = 0;
    {
      group g;
      for (int i = 0; i < 100; ++i) {
        g.spawn([&] {
          for (int k = 0; k < test::rounds(500); ++k) {
            std::lock_guard<bf::mutex> guard(mutex);
            const long before = counter;
            if (k % 10 == 0) yield();
            counter = before + 1;
          }
        });
      }
    }
    EXPECT_EQ(counter, 100L * test::rounds(500));
  });
}

TEST(boost_interop, condition_variable_is_told_by_a_foreign_thread) {
  test::run([] {
    bf::mutex mutex;
    bf::condition_variable changed;
    bool open = false;
    std::atomic<int> passed{0};
    std::atomic<int> waiting{0};
    group g;
    for (int i = 0; i < 200; ++i) {
      g.spawn([&] {
        std::unique_lock<bf::mutex> guard(mutex);
        waiting.fetch_add(1);
        changed.wait(guard, [&] { return open; });
        passed.fetch_add(1);
      });
    }
    std::thread foreign([&] {
      test::give_way_until([&] { return waiting.load() == 200; });
      {
        std::lock_guard<bf::mutex> guard(mutex);
        open = true;
      }
      changed.notify_all();
    });
    g.join();
    foreign.join();
    EXPECT_EQ(passed.load(), 200);
  });
}

TEST(boost_interop, buffered_channel_passes_everything) {
  test::run([] {
    bf::buffered_channel<long> channel(16);
    long sum = 0;
    const long count = test::rounds(5'000);
    group g;
    for (int p = 0; p < 4; ++p) {
      g.spawn([&] {
        for (long i = 1; i <= count; ++i) channel.push(i);
      });
    }
    g.spawn([&] {
      for (long i = 0; i < 4 * count; ++i) sum += channel.value_pop();
    });
    g.join();
    EXPECT_EQ(sum, 4 * count * (count + 1) / 2);
  });
}

TEST(boost_interop, unbuffered_channel_passes_everything) {
  test::run([] {
    bf::unbuffered_channel<int> channel;
    long sum = 0;
    group g;
    g.spawn([&] {
      for (int i = 0; i < test::rounds(5'000); ++i) channel.push(i);
      channel.close();
    });
    g.spawn([&] {
      for (int value : channel) sum += value;
    });
    g.join();
    const long n = test::rounds(5'000);
    EXPECT_EQ(sum, n * (n - 1) / 2);
  });
}

TEST(boost_interop, future_is_fulfilled_by_a_foreign_thread) {
  test::run([] {
    for (int i = 0; i < test::rounds(300); ++i) {
      bf::promise<int> promise;
      auto future = promise.get_future();
      std::thread foreign([&] { promise.set_value(i); });
      EXPECT_EQ(future.get(), i);
      foreign.join();
    }
  });
}

TEST(boost_interop, sleeps_last_at_least_as_long_as_asked) {
  test::run([] {
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([i] {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200 * i);
        boost::this_fiber::sleep_until(until);
        EXPECT_GE(std::chrono::steady_clock::now(), until);
      });
    }
  });
}

TEST(boost_interop, sleeps_end_beside_fibers_that_never_wait) {
  test::run([] {
    std::atomic<bool> done{false};
    group g;
    for (int i = 0; i < 8; ++i) g.spawn([&] { test::give_way_until([&] { return done.load(); }); });
    g.spawn([&] {
      for (int i = 0; i < 5; ++i) boost::this_fiber::sleep_for(200us);
      done.store(true);
    });
  });
}

TEST(boost_interop, fibers_may_be_posted_or_dispatched_also_from_a_catch_block) {
  test::run([] {
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([i] {
        const auto policy = i % 2 != 0 ? bf::launch::post : bf::launch::dispatch;
        int got = -1;
        try {
          throw int{i};
        } catch (int caught) {
          bf::fiber f(policy, [&] {
            EXPECT_EQ(std::current_exception(), nullptr) << "the starter's exception shows";
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            yield();
            got = i;
            boost::this_fiber::yield();
            try {
              throw std::string("inner");
            } catch (const std::string& text) {
              yield();
              EXPECT_EQ(text, "inner");
            }
          });
          yield();
          f.join();
          EXPECT_EQ(caught, i);
          EXPECT_NE(std::current_exception(), nullptr);
        }
        EXPECT_EQ(std::current_exception(), nullptr);
        EXPECT_EQ(got, i);
      });
    }
  });
}

TEST(boost_interop, dispatched_fibers_keep_errno_apart) {
  test::run([] {
    test::write_errno(11);
    bf::fiber f(bf::launch::dispatch, [] {
      test::write_errno(22);
      yield();
      EXPECT_EQ(test::read_errno(), 22);
    });
    EXPECT_EQ(test::read_errno(), 11);
    f.join();
    EXPECT_EQ(test::read_errno(), 11);
  });
}

TEST(boost_interop, boosts_fibers_are_weft_fibers) {
  test::run([] {
    int sum = 0;
    bf::fiber f([&] {
      EXPECT_TRUE(in_fiber());
      EXPECT_GE(current_worker(), 0);
      sleep_for(100us);
      yield();
      group g;
      task<int> a = g.spawn([] { return 20; });
      task<int> b = g.spawn([] {
        yield();
        return 22;
      });
      sum = a.get() + b.get();
    });
    f.join();
    EXPECT_EQ(sum, 42);
  });
}

TEST(boost_interop, boosts_fibers_wait_for_weft_and_the_other_way_round) {
  test::run([] {
    for (int i = 0; i < test::rounds(200); ++i) {
      std::atomic<bool> parked{false};
      ticket waiting;
      bf::fiber f([&] {
        parker self;
        waiting = self.id();
        EXPECT_EQ(self.park([&] { parked.store(true); }), wake::signalled);
      });
      test::give_way_until([&] { return parked.load(); });
      EXPECT_TRUE(waiting.signal());
      f.join();
    }
  });
}

TEST(boost_interop, thousands_of_short_lived_fibers_leave_nothing_behind) {
  test::run([] {
    std::atomic<int> ran{0};
    for (int round = 0; round < test::rounds(20); ++round) {
      std::vector<bf::fiber> fibers;
      for (int i = 0; i < 100; ++i) {
        fibers.emplace_back(i % 2 != 0 ? bf::launch::post : bf::launch::dispatch, [&ran, i] {
          if (i % 3 == 0) yield();
          ran.fetch_add(1);
        });
      }
      for (bf::fiber& f : fibers) f.join();
    }
    EXPECT_EQ(ran.load(), 100 * test::rounds(20));
  });
}

}  // namespace
}  // namespace weft
