// Channels and select under many schedules each, cancelled at every instant. A wake that is lost is a deadlock, which explore()
// reports; a value that is lost or doubled shows in the sums. WEFT_TEST_SCHEDULES multiplies the number of schedules.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include <testing/programs.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/actor.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/generator.hpp>
#include <weft/sync/pipeline.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/selector.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/watch.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

void explore(std::uint64_t schedules, const std::function<void()>& f, bool late_timers = false) {
  const char* times = std::getenv("WEFT_TEST_SCHEDULES");
  test::explore(times != nullptr ? schedules * std::stoull(times) : schedules, f, late_timers);
}

constexpr std::size_t capacities[] = {0, 1, 3};

TEST(channel_exploration, values_come_out_in_order_and_the_end_after_them) {
  for (const std::size_t capacity : capacities) {
    explore(7'000, [=] {
      auto [send, receive] = make_channel<int>(capacity);
      group g;
      g.spawn([send = std::move(send)] {
        for (int i = 0; i < 3; ++i) EXPECT_TRUE(send.send(i));
      });
      int expected = 0;
      for (const int value : receive) EXPECT_EQ(value, expected++);
      EXPECT_EQ(expected, 3);
    });
  }
}

TEST(channel_exploration, many_on_both_sides_share_the_values) {
  for (const std::size_t capacity : capacities) {
    explore(7'000, [=] {
      auto [send, receive] = make_channel<int>(capacity);
      int sum = 0;
      {
        group g;
        for (int i = 0; i < 2; ++i) {
          g.spawn([receive = receive, &sum] {
            for (const int value : receive) sum += value;
          });
          g.spawn([send = send] {
            for (const int value : {1, 10}) EXPECT_TRUE(send.send(value));
          });
        }
        send = {};
      }
      EXPECT_EQ(sum, 22);
    });
  }
}

TEST(channel_exploration, a_cancellation_at_any_instant_loses_nothing) {
  for (const std::size_t capacity : capacities) {
    explore(10'000, [=] {
      auto [send, receive] = make_channel<int>(capacity);
      int sent = 0, received = 0;
      const auto produce = [&send = send, &sent] {
        for (const int value : {1, 10, 100}) {
          if (!send.send(value)) return;
          sent += value;
        }
      };
      {
        group staying;
        staying.spawn(produce);
        {
          group leaving;
          leaving.spawn(produce);
          leaving.spawn([&receive = receive, &received] {
            while (const auto value = receive.receive()) received += *value;
          });
          schedule_point();
          yield();
          leaving.cancel();
        }
        staying.spawn([&receive = receive, &received] {
          while (const auto value = receive.receive_for(1h)) received += *value;
        });
      }
      EXPECT_EQ(sent, received);
    });
  }
}

TEST(channel_exploration, closing_and_time_limits_compete_with_values) {
  for (const std::size_t capacity : capacities) {
    explore(
        7'000,
        [=] {
          auto [send, receive] = make_channel<int>(capacity);
          int sent = 0, given_back = 0, received = 0;
          {
            group g;
            g.spawn([&send = send, &sent, &given_back] {
              for (const int value : {1, 10, 100}) {
                send_result<int> r = send.send_for(value, 1ms);
                (r ? sent : given_back) += r ? value : std::move(r).rejected();
              }
            });
            g.spawn([&receive = receive, &received] {
              while (const auto value = receive.receive_for(1ms)) received += *value;
            });
            yield();
            receive.close();
          }
          while (const auto value = receive.try_receive()) received += *value;
          EXPECT_EQ(sent, received);
          EXPECT_EQ(sent + given_back, 111);
        },
        true);
  }
}

TEST(channel_exploration, selects_on_both_sides_meet) {
  for (const std::size_t capacity : capacities) {
    explore(5'000, [=] {
      auto [send_a, receive_a] = make_channel<int>(capacity);
      auto [send_b, receive_b] = make_channel<int>(capacity);
      int sent = 0, received = 0;
      {
        group g;
        g.spawn([&a = send_a, &b = send_b, &sent] {
          for (int i = 0; i < 3; ++i) sent += select(a << 1 >> [] { return 1; }, b << 10 >> [] { return 10; });
        });
        g.spawn([&a = receive_a, &b = receive_b, &received] {
          for (int i = 0; i < 3; ++i) received += select(b >> [](int v) { return v; }, a >> [](int v) { return v; });
        });
      }
      EXPECT_EQ(sent, received);
    });
  }
}

TEST(channel_exploration, a_select_cancelled_at_any_instant_loses_nothing) {
  explore(
      10'000,
      [] {
        auto [send_a, receive_a] = make_channel<int>(0);
        auto [send_b, receive_b] = make_channel<int>(1);
        int sent = 0, received = 0;
        const auto mix = [&, &send_a = send_a, &send_b = send_b, &receive_a = receive_a, &receive_b = receive_b] {
          for (int i = 0; i < 2; ++i) {
            select(
                send_a << 1 >> [&] { ++sent; }, receive_a >> [&](int v) { received += v; },
                send_b << 1 >> [&] { ++sent; }, receive_b >> [&](int v) { received += v; }, after(1ms) >> [] {});
          }
        };
        {
          group staying;
          staying.spawn(mix);
          group leaving;
          leaving.spawn(mix);
          leaving.spawn(mix);
          yield();
          leaving.cancel();
        }
        while (const auto left = receive_b.try_receive()) received += *left;
        EXPECT_EQ(sent, received);
        EXPECT_EQ(send_a.statistics().waiting_senders + send_a.statistics().waiting_receivers, 0U);
        EXPECT_EQ(send_b.statistics().waiting_senders + send_b.statistics().waiting_receivers, 0U);
      },
      true);
}

TEST(channel_exploration, permits_taken_by_select_are_conserved) {
  explore(
      7'000,
      [] {
        counting_semaphore<> slots(1);
        auto_reset_event bell;
        int inside = 0, rings = 0;
        const auto enter = [&] {
          select(
              acquire(slots) >>
                  [&] {
                    struct leave {
                      int& inside;
                      counting_semaphore<>& slots;
                      ~leave() {
                        --inside;
                        slots.release();
                      }
                    };
                    EXPECT_EQ(++inside, 1);
                    const leave at_end{inside, slots};
                    yield();
                  },
              when(bell) >> [&] { ++rings; }, after(1ms) >> [] {});
        };
        {
          group staying;
          staying.spawn(enter);
          staying.spawn([&] { bell.set(); });
          group leaving;
          leaving.spawn(enter);
          leaving.spawn(enter);
          leaving.spawn([&] {
            slots.acquire();
            slots.release();
          });
          yield();
          leaving.cancel();
        }
        EXPECT_EQ(slots.statistics().available, 1);
        EXPECT_EQ(slots.statistics().waiters, 0U);
        EXPECT_EQ(rings + (bell.statistics().set ? 1 : 0), 1);
      },
      true);
}

TEST(channel_exploration, a_select_sees_the_end_of_a_task_and_an_event) {
  explore(7'000, [] {
    auto [send, receive] = make_channel<int>(0);
    event stop;
    int seen = 0;
    group g;
    task<void> t = g.spawn([&send = send] {
      schedule_point();
      (void)send.try_send(1);
    });
    g.spawn([&] { stop.set(); });
    for (bool over = false; !over;) {
      select(receive >> [&](int v) { seen += v; }, t.done() >> [&] { over = true; });
    }
    select(when(stop) >> [] {});
    EXPECT_LE(seen, 1);
  });
}

TEST(channel_exploration, selectors_meet_selects_and_each_other) {
  for (const std::size_t capacity : capacities) {
    explore(5'000, [=] {
      auto [send, receive] = make_channel<int>(capacity);
      auto [send_other, receive_other] = make_channel<int>(capacity);
      int sent = 0, received = 0;
      {
        group g;
        g.spawn([&send = send, &send_other = send_other, &sent] {
          selector s;
          for (int i = 0; i < 2; ++i) {
            s.add(send, 1, [&](bool ok) { sent += ok ? 1 : 0; });
            s.add(send_other, 10, [&](bool ok) { sent += ok ? 10 : 0; });
          }
          while (s.wait()) {
          }
        });
        g.spawn([&send = send, &sent] { select(send << 100 >> [&] { sent += 100; }); });
        g.spawn([&receive = receive, &receive_other = receive_other, &received] {
          selector s;
          s.add(receive, [&](int v) { received += v; });
          s.add(receive_other, [&](int v) { received += v; });
          for (int i = 0; i < 5; ++i) EXPECT_TRUE(s.wait().has_value());
        });
      }
      EXPECT_EQ(sent, 122);
      EXPECT_EQ(received, 122);
    });
  }
}

TEST(channel_exploration, a_selector_cancelled_at_any_instant_loses_nothing) {
  for (const std::size_t capacity : capacities) {
    explore(
        7'000,
        [=] {
          auto [send, receive] = make_channel<int>(capacity);
          int sent = 0, received = 0;
          {
            group staying;
            staying.spawn([&send = send, &sent] {
              for (const int value : {1, 10, 100}) sent += send.send_for(value, 1ms) ? value : 0;
            });
            {
              group leaving;
              leaving.spawn([&receive = receive, &received] {
                selector s;
                s.add(receive, [&](int v) { received += v; });
                for (;;) s.wait_for(2ms);
              });
              yield();
              leaving.cancel();
            }
          }
          while (const auto left = receive.try_receive()) received += *left;
          EXPECT_EQ(sent, received);
          EXPECT_EQ(receive.statistics().waiting_receivers, 0U);
        },
        true);
  }
}

TEST(channel_exploration, watchers_see_the_latest_state) {
  explore(7'000, [] {
    auto [state, watcher] = make_watch(0);
    group g;
    for (int i = 0; i < 2; ++i) {
      g.spawn([watcher = watcher]() mutable {
        int last = 0;
        while (watcher.changed()) last = *watcher.get();
        EXPECT_EQ(last, 3);
      });
    }
    g.spawn([state = std::move(state)]() mutable {
      for (int i = 1; i <= 3; ++i) state.set(i);
    });
  });
}

TEST(channel_exploration, the_layers_above_end) {
  explore(5'000, [] {
    group g;
    auto doubled = stage(g,
                         source<int>(g,
                                     [](const sender<int>& out) {
                                       for (int i = 0; i < 3; ++i) {
                                         if (!out.send(i)) return;
                                       }
                                     },
                                     {.queue = 1}),
                         [](int n) { return 2 * n; }, {.parallel = 2, .ordered = true, .queue = 0});
    int expected = 0;
    for (const int n : doubled) {
      EXPECT_EQ(n, 2 * expected);
      if (++expected == 2) break;
    }
    doubled = {};
    generator<int> endless([](auto& yield) {
      for (int i = 0;; ++i) yield(i);
    });
    EXPECT_EQ(endless.next(), 0);
    auto counter = spawn_actor<int>(g, {.mailbox = 1}, 0);
    counter.tell([](int& n) { ++n; });
    EXPECT_EQ(counter.ask([](int& n) { return ++n; }), 2);
  });
}

}  // namespace
}  // namespace weft
