// Services: how long they live, what their failures do, and who may spawn them when.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/fiber/fiber.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/shield.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(services, end_with_the_function_of_run) {
  std::atomic<bool> begun{false};
  std::optional<cancel_reason> reason;
  const int result = test::run([&] {
    services().spawn([&] {
      begun.store(true);
      try {
        sleep_for(1h);
      } catch (const cancelled& c) {
        reason = c.reason();
        EXPECT_EQ(c.origin(), "services");
        throw;
      }
    });
    test::give_way_until([&] { return begun.load(); });
    return 7;
  });
  EXPECT_EQ(result, 7);
  EXPECT_EQ(reason, cancel_reason::shutdown);
}

TEST(services, outlive_the_group_that_started_them) {
  test::run([] {
    test::gate gate;
    task<int> service;
    {
      group g;
      g.spawn([&] {
        group inner;
        inner.spawn([&] {
          service = services().spawn([&] {
            gate.pass();
            return 3;
          });
        });
      });
    }
    EXPECT_FALSE(service.done());
    gate.open();
    EXPECT_EQ(service.get(), 3);
  });
}

TEST(services, are_found_below_a_shield_and_a_deadline) {
  test::run([] {
    std::atomic<int> ran{0};
    shield s(10s);
    with_deadline(10s, [&] {
      group g;
      g.spawn([&] { services().spawn([&] { ran.fetch_add(1); }).wait(); });
    });
    EXPECT_EQ(ran.load(), 1);
  });
}

TEST(services, a_failure_cancels_the_function_and_the_others) {
  std::atomic<int> cancelled_count{0};
  try {
    test::run([&] {
      services().spawn([&] {
        try {
          sleep_for(1h);
        } catch (const cancelled&) {
          cancelled_count.fetch_add(1);
          throw;
        }
      });
      services().spawn(
          [] {
            yield();
            throw std::runtime_error("no disk");
          },
          {.name = "writer"});
      try {
        sleep_for(1h);
      } catch (const cancelled& c) {
        EXPECT_EQ(c.reason(), cancel_reason::sibling_failed);
        cancelled_count.fetch_add(10);
        throw;
      }
    });
    FAIL();
  } catch (const group_error& e) {
    ASSERT_EQ(e.failures().size(), 1U);
    EXPECT_EQ(e.failures()[0].task, "writer");
    EXPECT_STREQ(e.find<std::runtime_error>()->what(), "no disk");
  }
  EXPECT_GE(cancelled_count.load(), 10);
}

TEST(services, a_failure_at_the_end_is_not_lost) {
  EXPECT_THROW(test::run([] {
                 std::atomic<bool> begun{false};
                 services().spawn([&] {
                   begun.store(true);
                   try {
                     sleep_for(1h);
                   } catch (const cancelled&) {
                     throw std::runtime_error("could not flush");
                   }
                 });
                 test::give_way_until([&] { return begun.load(); });
               }),
               group_error);
}

TEST(services, the_functions_own_error_passes) {
  EXPECT_THROW(test::run([] {
                 services().spawn([] { sleep_for(1h); });
                 throw std::logic_error("the function's");
               }),
               std::logic_error);
}

TEST(services, each_run_has_its_own) {
  runtime rt(test::test_options());
  std::atomic<bool> go_on{false};
  std::atomic<bool> first_served{false};
  std::thread other([&] {
    rt.run([&] {
      services().spawn([&] {
        first_served.store(true);
        sleep_for(1h);
      });
      test::give_way_until([&] { return go_on.load(); });
    });
  });
  test::give_way_until([&] { return first_served.load(); });
  EXPECT_THROW(rt.run([] {
    services().spawn([] { throw std::runtime_error("of the second run"); });
    sleep_for(1h);
  }),
               group_error);
  go_on.store(true);
  other.join();
}

TEST(services, foreign_threads_may_spawn) {
  test::run([] {
    std::atomic<int> ran{0};
    std::thread foreign([&, s = services()] {
      for (int i = 0; i < 100; ++i) s.spawn([&] { ran.fetch_add(1); });
    });
    test::give_way_until([&] { return ran.load() == 100; });
    foreign.join();
  });
}

TEST(services, after_the_function_a_service_that_spawns_is_told_that_it_ends) {
  std::atomic<bool> told{false};
  test::run([&] {
    std::atomic<bool> begun{false};
    services().spawn([&] {
      begun.store(true);
      try {
        sleep_for(1h);
      } catch (const cancelled&) {
        try {
          services().spawn([] { ADD_FAILURE() << "must not run"; });
        } catch (const cancelled& c) {
          EXPECT_EQ(c.reason(), cancel_reason::shutdown);
          told.store(true);
        }
        throw;
      }
    });
    test::give_way_until([&] { return begun.load(); });
  });
  EXPECT_TRUE(told.load());
}

TEST(services, after_run_a_kept_handle_refuses) {
  std::optional<service_group> kept;
  test::run([&] { kept = services(); });
  try {
    kept->spawn([] {});
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("has ended"), std::string::npos) << e.what();
  }
}

TEST(services, need_a_run) {
  EXPECT_THROW(static_cast<void>(services()), std::logic_error);
  test::run([] { boost::fibers::fiber([] { EXPECT_THROW(static_cast<void>(services()), std::logic_error); }).join(); });
}

// Services spawn services, foreign threads spawn services, and the function ends at a random moment: what was spawned has run or was
// cancelled before run() returns, and what came too late was refused.
TEST(services, spawns_race_with_the_end) {
  test::random_source random;
  for (int round = 0; round < test::rounds(200); ++round) {
    std::atomic<int> alive{0};
    std::atomic<int> ran{0};
    std::atomic<bool> stop{false};
    std::optional<std::thread> foreign;
    const auto delay = random.below(2000);
    test::run([&] {
      struct count {
        std::atomic<int>& n;
        explicit count(std::atomic<int>& a) : n(a) { n.fetch_add(1); }
        ~count() { n.fetch_sub(1); }
      };
      const auto serve = [&](const auto& self) -> void {
        const count here(alive);
        ran.fetch_add(1);
        for (;;) {
          yield();
          if (alive.load() < 20) services().spawn([&, self] { self(self); });
        }
      };
      services().spawn([&, serve] { serve(serve); });
      foreign.emplace([&, s = services()] {
        while (!stop.load()) {
          try {
            s.spawn([&] { const count here(alive); });
          } catch (const std::logic_error&) {
            return;
          }
        }
      });
      test::spin(delay);
      for (std::uint32_t i = 0; i < delay % 7; ++i) yield();
    });
    EXPECT_EQ(alive.load(), 0);
    stop.store(true);
    foreign->join();
  }
}

}  // namespace
}  // namespace weft
