// Watched states, broadcasts, actors, pipelines and generators: the layers over channels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/group_error.hpp>
#include <weft/sync/actor.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/generator.hpp>
#include <weft/sync/pipeline.hpp>
#include <weft/sync/watch.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(watch, shows_the_latest_state_and_the_end) {
  test::run([] {
    auto [state, watcher] = make_watch<std::string>("first");
    EXPECT_EQ(*watcher.get(), "first");
    state.set("second");
    state.set("third");
    EXPECT_TRUE(watcher.changed());
    EXPECT_EQ(*watcher.get(), "third");
    EXPECT_FALSE(watcher.changed_for(100us));
    {
      const auto gone = std::move(state);
    }
    EXPECT_TRUE(watcher.is_closed());
    EXPECT_FALSE(watcher.changed());
    EXPECT_EQ(*watcher.get(), "third");
  });
}

TEST(watch, wakes_all_who_watch) {
  test::run([] {
    auto [state, watcher] = make_watch(0);
    std::atomic<int> done{0};
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([watcher = watcher, &done]() mutable {
        int last = 0;
        while (watcher.changed()) {
          const int now = *watcher.get();
          EXPECT_GE(now, last);
          last = now;
        }
        EXPECT_EQ(last, 1'000);
        done.fetch_add(1);
      });
    }
    for (int i = 1; i <= 1'000; ++i) state.set(i);
    yield();
    {
      const auto gone = std::move(state);
    }
    g.join();
    EXPECT_EQ(done.load(), 8);
  });
}

TEST(broadcast, everybody_gets_everything_that_fits) {
  test::run([] {
    auto [send, receive] = make_broadcast<int>(4);
    auto late = receive;
    for (int i = 0; i < 3; ++i) send.send(i);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(*receive.receive()->value, i);
    EXPECT_FALSE(receive.try_receive());
    for (int i = 3; i < 7; ++i) send.send(i);
    const auto item = late.receive();
    EXPECT_EQ(*item->value, 3);
    EXPECT_EQ(item->lagged, 3U);
    EXPECT_EQ(*late.receive()->value, 4);
    EXPECT_EQ(late.receive()->lagged, 0U);
    auto fresh = send.subscribe();
    EXPECT_FALSE(fresh.receive_for(100us));
    {
      const auto gone = std::move(send);
    }
    EXPECT_EQ(*late.receive()->value, 6);
    EXPECT_FALSE(late.receive());
    EXPECT_THROW((void)make_broadcast<int>(0), std::invalid_argument);
  });
}

TEST(broadcast, what_is_lost_is_counted) {
  test::run([] {
    static constexpr std::uint64_t count = 5'000;
    auto [send, receive] = make_broadcast<std::uint64_t>(16);
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([receive = receive]() mutable {
        std::uint64_t expected = 0;
        while (const auto item = receive.receive()) {
          expected += item->lagged;
          EXPECT_EQ(*item->value, expected);
          ++expected;
        }
        EXPECT_EQ(expected, count);
      });
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      send.send(i);
      if (i % 64 == 0) yield();
    }
    const auto gone = std::move(send);
  });
}

struct counter_state {
  explicit counter_state(int first) : n(first) {}
  int n;
};

TEST(actor, runs_messages_one_after_the_other) {
  test::run([] {
    group g;
    auto counter = spawn_actor<counter_state>(g, {.mailbox = 4}, 100);
    group senders;
    for (int i = 0; i < 10; ++i) {
      senders.spawn([counter] {
        for (int k = 0; k < 100; ++k) {
          counter.tell([](counter_state& s) {
            const int before = s.n;
            yield();
            s.n = before + 1;
          });
        }
      });
    }
    senders.join();
    EXPECT_EQ(counter.ask([](counter_state& s) { return s.n; }), 1'100);
    counter.ask([](counter_state& s) { s.n = 0; });
    EXPECT_EQ(*counter.ask([](counter_state& s) { return std::make_unique<int>(s.n); }), 0);
  });
}

TEST(actor, an_error_goes_to_who_asked_or_to_the_group) {
  test::run([] {
    group outer(supervise);
    outer.spawn([] {
      group g(supervise);
      auto a = spawn_actor<counter_state>(g, {}, 0);
      EXPECT_THROW(a.ask([](counter_state&) { throw std::domain_error("asked"); }), std::domain_error);
      EXPECT_EQ(a.ask([](counter_state& s) { return s.n; }), 0);
      a.tell([](counter_state&) { throw std::domain_error("told"); });
      EXPECT_THROW((void)a.ask([](counter_state& s) { return s.n; }), actor_ended);
      EXPECT_THROW(a.tell([](counter_state&) {}), actor_ended);
    });
    try {
      outer.join();
      ADD_FAILURE();
    } catch (const group_error& e) {
      EXPECT_NE(e.find<std::domain_error>(), nullptr);
    }
  });
}

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

receiver<int> count_to(group& g, int count) {
  return source<int>(g, [count](const sender<int>& out) {
    for (int i = 0; i < count; ++i) {
      if (!out.send(i)) return;
    }
  });
}

TEST(pipeline, keeps_the_order_where_asked_and_all_values_in_any_case) {
  test::random_source random;
  test::run([&] {
    for (const unsigned parallel : {1U, 4U}) {
      for (const bool ordered : {false, true}) {
        group g;
        auto doubled = stage(g, count_to(g, 500),
                             [](int n) {
                               for (int i = n % 7; i > 0; --i) yield();
                               return std::to_string(n);
                             },
                             {.parallel = parallel, .ordered = ordered, .queue = 4});
        auto back = stage(g, std::move(doubled), [](const std::string& s) { return std::stoi(s); });
        std::vector<int> got;
        for (const int n : back) got.push_back(n);
        if (!ordered) std::ranges::sort(got);
        EXPECT_EQ(got, numbers(500));
      }
    }
  });
}

TEST(pipeline, is_bounded) {
  test::run([] {
    std::atomic<int> under_way{0}, most{0};
    group g;
    auto values = source<int>(g,
                              [&](const sender<int>& out) {
                                for (int i = 0; i < 200; ++i) {
                                  const int now = under_way.fetch_add(1) + 1;
                                  most.store(std::max(most.load(), now));
                                  if (!out.send(i)) return;
                                }
                              },
                              {.queue = 2});
    auto same = stage(g, std::move(values), [](int n) { return n; }, {.parallel = 2, .ordered = true, .queue = 2});
    for ([[maybe_unused]] const int n : same) {
      under_way.fetch_sub(1);
      yield();
    }
    EXPECT_LE(most.load(), 20);
  });
}

// The loop is cancelled, which leaves the failure to whoever is around it.
TEST(pipeline, a_failure_ends_it_by_the_groups_rule) {
  try {
    test::run([] {
      group g;
      auto values = stage(g, count_to(g, 1'000'000),
                          [](int n) {
                            if (n == 50) throw std::domain_error("fifty");
                            return n;
                          },
                          {.parallel = 3, .ordered = true, .name = "fails"});
      for ([[maybe_unused]] const int n : values) {
      }
      g.join();
    });
    ADD_FAILURE();
  } catch (const group_error& e) {
    EXPECT_NE(e.find<std::domain_error>(), nullptr);
    EXPECT_THAT(e.what(), ::testing::ContainsRegex("'fails' spawned at .*state_test.cpp"));
  }
}

TEST(pipeline, ends_when_nobody_wants_its_results) {
  test::run([] {
    group g;
    auto values = stage(g, count_to(g, 1'000'000'000), [](int n) { return n; }, {.parallel = 2, .ordered = true});
    EXPECT_EQ(values.receive(), 0);
    values = {};
  });
}

TEST(pipeline, for_each_is_its_end) {
  test::run([] {
    std::atomic<long> sum{0};
    group g;
    for_each(count_to(g, 1'000), [&](int n) { sum.fetch_add(n); }, {.parallel = 4});
    EXPECT_EQ(sum.load(), 499'500);
    EXPECT_THROW(for_each(count_to(g, 1), [](int) {}, {.parallel = 0}), std::invalid_argument);
  });
}

TEST(generator, is_a_range) {
  test::run([] {
    std::vector<int> got;
    generator<int> upto([](auto& yield) {
      for (int i = 0; i < 10; ++i) yield(i);
    });
    for (const int n : upto) got.push_back(n);
    EXPECT_EQ(got, numbers(10));
    EXPECT_EQ(upto.next(), std::nullopt);
  });
}

TEST(generator, leaving_early_ends_the_function) {
  test::run([] {
    bool ended = false;
    {
      struct note {
        bool& ended;
        ~note() { ended = true; }
      };
      generator<int> endless([&ended](auto& yield) {
        const note n{ended};
        for (int i = 0;; ++i) yield(i);
      });
      for (const int n : endless) {
        if (n == 5) break;
      }
    }
    EXPECT_TRUE(ended);
  });
}

TEST(generator, an_exception_comes_out_of_the_loop) {
  test::run([] {
    generator<std::unique_ptr<int>> fails([](auto& yield) {
      yield(std::make_unique<int>(1));
      throw std::domain_error("over");
    });
    EXPECT_EQ(**fails.next(), 1);
    EXPECT_THROW((void)fails.next(), std::domain_error);
  });
}

}  // namespace
}  // namespace weft
