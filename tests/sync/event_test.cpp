// Events: who waits until when.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(event, is_not_set_at_first) {
  event e;
  EXPECT_FALSE(e.is_set());
  e.set();
  EXPECT_TRUE(e.is_set());
  e.set();
  EXPECT_TRUE(e.is_set());
  e.reset();
  EXPECT_FALSE(e.is_set());
}

TEST(event, once_set_lets_all_pass) {
  test::run([] {
    event e;
    e.set();
    for (int i = 0; i < 3; ++i) e.wait();
    EXPECT_TRUE(e.wait_for(0ns));
    EXPECT_TRUE(e.wait_for(-1s));
  });
}

TEST(event, wakes_all_who_wait) {
  test::run([] {
    event e;
    std::atomic<int> waiting{0};
    std::atomic<int> passed{0};
    group g;
    for (int i = 0; i < 500; ++i) {
      g.spawn([&] {
        waiting.fetch_add(1);
        e.wait();
        passed.fetch_add(1);
      });
    }
    test::give_way_until([&] { return waiting.load() == 500; });
    EXPECT_EQ(passed.load(), 0);
    e.set();
    g.join();
    EXPECT_EQ(passed.load(), 500);
  });
}

TEST(event, what_was_done_before_set_is_seen_after_wait) {
  test::run([] {
    for (int i = 0; i < test::rounds(2'000); ++i) {
      event e;
      int value = 0;
      group g;
      g.spawn([&] {
        value = i + 1;
        e.set();
      });
      if (i % 2 == 0) yield();
      e.wait();
      EXPECT_EQ(value, i + 1);
    }
  });
}

TEST(event, may_be_set_by_a_foreign_thread) {
  for (int i = 0; i < test::rounds(200); ++i) {
    event e;
    std::thread foreign([&] { e.set(); });
    test::run([&] { e.wait(); });
    foreign.join();
  }
}

TEST(event, waiting_for_a_limited_time_gives_up_and_can_be_repeated) {
  test::run([] {
    event e;
    for (const auto limit : {-1ns, 0ns, 1'000ns, 300'000ns}) {
      const auto until = std::chrono::steady_clock::now() + limit;
      EXPECT_FALSE(e.wait_for(limit));
      EXPECT_GE(std::chrono::steady_clock::now(), until);
    }
    group g;
    g.spawn([&] {
      sleep_for(200us);
      e.set();
    });
    EXPECT_TRUE(e.wait_for(1h));
    e.reset();
    g.spawn([&] {
      sleep_for(200us);
      e.set();
    });
    EXPECT_TRUE(e.wait_for(std::chrono::nanoseconds::max()));
  });
}

TEST(event, can_be_used_again_after_reset) {
  test::run([] {
    event ping, pong;
    group g;
    const int rounds = test::rounds(2'000);
    g.spawn([&] {
      for (int i = 0; i < rounds; ++i) {
        ping.wait();
        ping.reset();
        pong.set();
      }
    });
    for (int i = 0; i < rounds; ++i) {
      ping.set();
      pong.wait();
      pong.reset();
    }
  });
}

TEST(event, waiting_is_a_cancellation_point_even_if_it_is_set) {
  test::run([] {
    event set, unset;
    set.set();
    group g;
    g.cancel();
    EXPECT_THROW(set.wait(), cancelled);
    EXPECT_THROW(unset.wait(), cancelled);
    EXPECT_THROW((void)unset.wait_for(1h), cancelled);
  });
}

TEST(event, cancellation_reaches_those_who_wait_and_leaves_the_others) {
  test::run([] {
    event e;
    std::atomic<int> waiting{0};
    std::atomic<int> was_cancelled{0};
    std::atomic<int> passed{0};
    auto wait = [&] {
      waiting.fetch_add(1);
      try {
        e.wait();
        passed.fetch_add(1);
      } catch (const cancelled&) {
        was_cancelled.fetch_add(1);
        throw;
      }
    };
    group staying;
    {
      group leaving;
      for (int i = 0; i < 50; ++i) {
        leaving.spawn(wait);
        staying.spawn(wait);
      }
      test::give_way_until([&] { return waiting.load() == 100; });
      leaving.cancel();
    }
    EXPECT_EQ(was_cancelled.load(), 50);
    EXPECT_EQ(passed.load(), 0);
    e.set();
    staying.join();
    EXPECT_EQ(passed.load(), 50);
  });
}

TEST(event, threads_may_wait_for_it) {
  event e;
  EXPECT_FALSE(e.wait_for(1ms));
  std::thread waiter([&] { e.wait(); });
  test::run([&] { e.set(); });
  waiter.join();
  EXPECT_NO_THROW(e.wait());
}

TEST(event, may_be_destroyed_as_soon_as_a_wait_has_returned) {
  test::run([] {
    for (int i = 0; i < test::rounds(2'000); ++i) {
      group g;
      auto e = std::make_unique<event>();
      g.spawn([e = e.get()] { e->set(); });
      if (i % 2 == 0) yield();
      e->wait();
      e.reset();
    }
  });
}

TEST(auto_reset_event, lets_one_pass_for_each_set) {
  test::run([] {
    auto_reset_event e;
    EXPECT_FALSE(e.wait_for(0ns));
    e.set();
    e.set();  // no more than once
    EXPECT_TRUE(e.statistics().set);
    e.wait();
    EXPECT_FALSE(e.reset());
    e.set();
    EXPECT_TRUE(e.reset());
    EXPECT_FALSE(e.wait_until(std::chrono::steady_clock::now()));
  });
}

TEST(auto_reset_event, wakes_the_first_who_waits) {
  weft::run(test::test_options(1), [] {
    auto_reset_event e;
    std::string order;
    group g;
    for (std::size_t i = 0; i < 3; ++i) {
      g.spawn([&, i] {
        e.wait();
        order += static_cast<char>('a' + i);
        e.set();
      });
      test::give_way_until([&] { return e.statistics().waiters == i + 1; });
    }
    e.set();
    g.join();
    EXPECT_EQ(order, "abc");
  });
}

TEST(auto_reset_event, a_set_is_not_lost_to_who_is_cancelled) {
  test::run([] {
    for (int i = 0; i < test::rounds(500); ++i) {
      auto_reset_event e;
      group staying;
      {
        group leaving;
        leaving.spawn([&] {
          e.wait();
          e.set();  // who got it passes it on
        });
        if (i % 2 == 0) yield();
        staying.spawn([&] { e.wait(); });
        if (i % 3 == 0) yield();
        e.set();
        leaving.cancel();
      }
    }
  });
}

// Set, time limit and cancellation at about the same time: no waiter is left behind, none is left in the queue.
TEST(event, setters_time_limits_and_cancellations_lose_nobody) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(1'000); ++round) {
      auto e = std::make_unique<event>();
      {
        group setter;
        group g;
        for (int i = 0; i < 5; ++i) {
          g.spawn([&e, mine = random.split()]() mutable {
            try {
              for (;;) {
                if (mine.one_in(2)) {
                  e->wait();
                } else if (!e->wait_for(std::chrono::microseconds(mine.below(30)))) {
                  continue;
                }
                if (mine.one_in(3)) break;
                e->reset();
              }
            } catch (const cancelled&) {
            }
          });
        }
        setter.spawn([&e, n = random.below(20)] {
          for (std::uint32_t i = 0; i < n; ++i) {
            e->set();
            yield();
          }
        });
        for (std::uint32_t n = random.below(10); n > 0; --n) yield();
        test::spin(random.below(3'000));
        g.cancel();
        g.join();
      }
    }
  });
}

}  // namespace
}  // namespace weft
