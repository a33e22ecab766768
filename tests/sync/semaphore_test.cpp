// Semaphores: order, permits that are never lost, and what they refuse.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

static_assert(counting_semaphore<>::max() > 1'000'000'000'000);
static_assert(binary_semaphore::max() == 1);

TEST(semaphore, gives_as_many_permits_as_it_has) {
  test::run([] {
    counting_semaphore<> s(2);
    s.acquire();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire_for(0s));
    EXPECT_FALSE(s.try_acquire_for(100us));
    EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now()));
    s.release(3);
    EXPECT_EQ(s.statistics().available, 3);
    EXPECT_TRUE(s.try_acquire_for(std::chrono::hours::max()));
  });
}

TEST(semaphore, serves_in_order_of_arrival_and_lets_nobody_overtake) {
  weft::run(test::test_options(1), [] {
    counting_semaphore<> s(0);
    std::vector<int> order;
    group g;
    for (std::size_t i = 0; i < 10; ++i) {
      g.spawn([&, i] {
        s.acquire();
        order.push_back(static_cast<int>(i));
      });
      test::give_way_until([&] { return s.statistics().waiters == i + 1; });
    }
    for (std::size_t i = 0; i < 10; ++i) {
      s.release();
      EXPECT_FALSE(s.try_acquire()) << "it has been given away";
      test::give_way_until([&] { return order.size() == i + 1; });
    }
    s.release();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(s.statistics().available, 1);
  });
}

TEST(semaphore, limits_how_many_are_inside) {
  test::run([] {
    counting_semaphore<> s(3);
    std::atomic<int> inside{0};
    group g;
    for (int f = 0; f < 30; ++f) {
      g.spawn([&] {
        for (int i = 0; i < test::rounds(100); ++i) {
          s.acquire();
          EXPECT_LE(inside.fetch_add(1), 2);
          yield();
          inside.fetch_sub(1);
          s.release();
        }
      });
    }
  });
}

TEST(semaphore, works_between_threads_and_fibers) {
  counting_semaphore<> to_thread(0), to_fiber(0);
  const int rounds = test::rounds(1'000);
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      to_thread.acquire();
      to_fiber.release();
    }
    EXPECT_FALSE(to_thread.try_acquire_for(1ms));
  });
  test::run([&] {
    for (int i = 0; i < rounds; ++i) {
      to_thread.release();
      to_fiber.acquire();
    }
  });
  other.join();
}

// The usual way to wait for one thing: its end is the semaphore's.
TEST(semaphore, may_be_destroyed_as_soon_as_it_was_acquired) {
  test::run([] {
    for (int i = 0; i < test::rounds(2'000); ++i) {
      group g;
      auto done = std::make_unique<binary_semaphore>(0);
      g.spawn([s = done.get()] { s->release(); });
      if (i % 2 == 0) yield();
      done->acquire();
      done.reset();
    }
  });
}

TEST(semaphore, acquiring_is_a_cancellation_point_even_if_a_permit_is_free) {
  test::run([] {
    counting_semaphore<> s(1);
    group g;
    g.cancel();
    EXPECT_THROW(s.acquire(), cancelled);
    EXPECT_THROW((void)s.try_acquire_for(1h), cancelled);
    EXPECT_EQ(s.statistics().available, 1);
  });
}

TEST(semaphore, misuse_is_refused) {
  EXPECT_THROW(counting_semaphore<>(-1), std::invalid_argument);
  EXPECT_THROW(binary_semaphore(2), std::invalid_argument);
  binary_semaphore s(1);
  EXPECT_THROW(s.release(), std::logic_error);
  EXPECT_THROW(s.release(-1), std::invalid_argument);
  EXPECT_EQ(s.statistics().available, 1);
}

TEST(semaphore, permits_are_conserved_under_cancellation_and_limits) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(500); ++round) {
      counting_semaphore<> s(2);
      {
        group staying;
        group leaving;
        for (int i = 0; i < 8; ++i) {
          (i % 2 == 0 ? staying : leaving).spawn([&, mine = random.split()]() mutable {
            for (int k = 0; k < 10; ++k) {
              if (mine.one_in(2)) {
                s.acquire();
              } else if (!s.try_acquire_for(std::chrono::microseconds(mine.below(20)))) {
                continue;
              }
              test::spin(mine.below(200));
              s.release();
            }
          });
        }
        for (std::uint32_t n = random.below(10); n > 0; --n) yield();
        test::spin(random.below(2'000));
        leaving.cancel();
      }
      EXPECT_EQ(s.statistics().available, 2);
    }
  });
}

}  // namespace
}  // namespace weft
