// What follows a fiber through its switches: exceptions caught and in flight, errno, the floating-point control words.
#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Gives the fiber away in one of the ways there are; it may continue on any worker.
void switch_somehow(std::uint32_t way) {
  switch (way % 5) {
    case 0:
      yield();
      break;
    case 1:
      yield_after_slice();
      break;
    case 2:
      sleep_for(1us);
      break;
    case 3: {
      parker self(parker::cancellation::ignored);
      const ticket me = self.id();
      (void)self.park([&] { me.signal(); });
      break;
    }
    default: {
      group g;
      auto t = g.spawn([] { return 1; });
      (void)t.wait_for(1h);
    }
  }
}

struct unwinding_switch {
  std::uint32_t way;
  int expected;
  ~unwinding_switch() {
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    switch_somehow(way);
    EXPECT_EQ(std::uncaught_exceptions(), expected);
  }
};

TEST(exceptions, caught_and_in_flight_follow_the_fiber_wherever_it_goes) {
  test::random_source random;
  constexpr int fibers = test::rounds(1'000);
  constexpr int rounds = 20;
  std::atomic<int> moved{0};
  long counter = 0;
  test::run([&] {
    detail::spin_lock lock;
    group g;
    for (int i = 0; i < fibers; ++i) {
      g.spawn([&, i, mine = random.split()]() mutable {
        for (int k = 0; k < rounds; ++k) {
          const int worker_before = current_worker();
          const int number = i * rounds + k;
          {
            std::lock_guard guard(lock);
            ++counter;
          }
          try {
            const unwinding_switch on_the_way{mine.below(5), 1};
            yield();
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            throw int{number};
          } catch (int caught) {
            EXPECT_EQ(caught, number);
            EXPECT_EQ(std::uncaught_exceptions(), 0);
            switch_somehow(mine.below(5));
            try {
              const unwinding_switch on_the_way{mine.below(5), 1};
              throw std::runtime_error(std::to_string(i));
            } catch (const std::exception& e) {
              switch_somehow(mine.below(5));
              EXPECT_EQ(std::to_string(i), e.what());
              EXPECT_NE(std::current_exception(), nullptr);
            }
            try {
              switch_somehow(mine.below(5));
              throw;
            } catch (int again) {
              EXPECT_EQ(again, caught);
            }
          }
          EXPECT_EQ(std::current_exception(), nullptr);
          moved.fetch_add(current_worker() != worker_before ? 1 : 0);
        }
      });
    }
  });
  EXPECT_EQ(counter, static_cast<long>(fibers) * rounds);
  std::printf("%d of %d rounds ended on another worker\n", moved.load(), fibers * rounds);
}

TEST(exceptions, several_in_flight_at_once_follow_the_fiber) {
  test::run([] {
    group g;
    for (std::uint32_t i = 0; i < 50; ++i) {
      g.spawn([i] {
        struct nested {
          std::uint32_t way;
          ~nested() {
            const unwinding_switch outer{way, 1};
            try {
              const unwinding_switch inner{way + 1, 2};
              throw 2;
            } catch (int two) {
              switch_somehow(way + 2);
              EXPECT_EQ(two, 2);
              EXPECT_EQ(std::uncaught_exceptions(), 1);
            }
          }
        };
        try {
          const nested n{i};
          throw std::string("one");
        } catch (const std::string& one) {
          EXPECT_EQ(one, "one");
        }
      });
    }
  });
}

TEST(exceptions, of_one_fiber_are_not_seen_by_another) {
  test::run([] {
    std::atomic<int> in_handlers{0};
    std::atomic<bool> seen{false};
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        try {
          throw 1;
        } catch (int) {
          in_handlers.fetch_add(1);
          test::give_way_until([&] { return seen.load(); });
        }
      });
    }
    test::give_way_until([&] { return in_handlers.load() == 10; });
    EXPECT_EQ(std::current_exception(), nullptr);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    group h;
    h.spawn([] { EXPECT_EQ(std::current_exception(), nullptr); });
    h.join();
    seen.store(true);
  });
}

TEST(exceptions, tasks_begun_by_a_waiting_handler_do_not_see_its_exception) {
  test::run([] {
    try {
      throw 1;
    } catch (int) {
      group g;
      auto t = g.spawn([] {
        EXPECT_EQ(std::current_exception(), nullptr);
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        return 2;
      });
      EXPECT_EQ(t.get(), 2);
      g.spawn([] { EXPECT_EQ(std::current_exception(), nullptr); });
      g.join();
      EXPECT_NE(std::current_exception(), nullptr);
    }
  });
}

TEST(exceptions, pass_from_task_to_task_and_thread) {
  EXPECT_THROW(test::run([] {
                 group g;
                 g.spawn([] {
                    group h;
                    h.spawn([] { return blocking([]() -> int { throw std::out_of_range("from far away"); }); }).get();
                  }).get();
               }),
               std::out_of_range);
}

TEST(exceptions, errno_follows_the_fiber) {
  test::random_source random;
  test::run([&] {
    group g;
    for (int i = 1; i <= 200; ++i) {
      g.spawn([i, mine = random.split()]() mutable {
        for (int k = 0; k < 20; ++k) {
          test::write_errno(i + k);
          switch_somehow(mine.below(4));
          EXPECT_EQ(test::read_errno(), i + k);
        }
      });
    }
  });
}

TEST(exceptions, the_rounding_mode_follows_the_fiber) {
  test::random_source random;
  constexpr int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  test::run([&] {
    group g;
    for (std::size_t i = 0; i < 100; ++i) {
      g.spawn([mode = modes[i % 4], mine = random.split()]() mutable {
        std::fesetround(mode);
        for (int k = 0; k < 20; ++k) {
          switch_somehow(mine.below(4));
          EXPECT_EQ(std::fegetround(), mode);
        }
        std::fesetround(FE_TONEAREST);
      });
    }
  });
}

TEST(exceptions, the_rounding_mode_of_a_fiber_that_waits_does_not_reach_other_tasks) {
  test::run([] {
    std::atomic<int> begun{0};
    std::atomic<int> wrong{0};
    std::atomic<bool> go_on{false};
    std::fesetround(FE_UPWARD);
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&] {
        begun.fetch_add(1);
        if (std::fegetround() != FE_TONEAREST) wrong.fetch_add(1);
        test::give_way_until([&] { return go_on.load(); });
      });
    }
    test::give_way_until([&] { return begun.load() == 20; });
    go_on.store(true);
    {
      parker self;
      (void)self.park_until(std::chrono::steady_clock::now() + 1ms, [] {});
    }
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
    std::fesetround(FE_TONEAREST);
    g.join();
    EXPECT_EQ(wrong.load(), 0);
  });
}

}  // namespace
}  // namespace weft
