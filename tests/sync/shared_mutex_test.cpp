// The shared mutex: many readers or one writer, and neither starves.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include <support.hpp>
#include <sync/lock_support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/shared_mutex.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(shared_mutex, attempts_say_whether_it_was_free) {
  shared_mutex m;
  EXPECT_TRUE(m.try_lock());
  EXPECT_FALSE(m.try_lock());
  EXPECT_FALSE(m.try_lock_shared());
  m.unlock();
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_TRUE(m.try_lock_shared());
  EXPECT_FALSE(m.try_lock());
  EXPECT_EQ(m.statistics().readers, 2U);
  m.unlock_shared();
  m.unlock_shared();
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

TEST(shared_mutex, works_with_the_guards_of_the_standard) {
  test::run([] {
    shared_mutex a, b;
    {
      const std::shared_lock one(a);
      const std::shared_lock two(a);
    }
    {
      const std::scoped_lock both(a, b);
    }
    std::unique_lock lock(a);
    lock.unlock();
    std::shared_lock shared(a, std::try_to_lock);
    EXPECT_TRUE(shared.owns_lock());
  });
}

TEST(shared_mutex, writers_exclude_all_and_readers_writers) {
  test::run([] {
    shared_mutex m;
    std::atomic<int> readers{0}, writers{0};
    group g;
    for (int f = 0; f < 40; ++f) {
      g.spawn([&, f] {
        for (int i = 0; i < test::rounds(200); ++i) {
          if ((i + f) % 5 == 0) {
            const std::lock_guard guard(m);
            EXPECT_EQ(writers.fetch_add(1), 0);
            EXPECT_EQ(readers.load(), 0);
            if (i % 3 == 0) yield();
            writers.fetch_sub(1);
          } else {
            const std::shared_lock guard(m);
            readers.fetch_add(1);
            EXPECT_EQ(writers.load(), 0);
            if (i % 7 == 0) yield();
            readers.fetch_sub(1);
          }
        }
      });
    }
  });
}

TEST(shared_mutex, is_shared_between_fibers_and_threads) {
  shared_mutex m;
  test::count_on_fibers_and_a_thread(
      [&](auto inside) {
        {
          const std::shared_lock guard(m);
        }
        const std::lock_guard guard(m);
        inside();
      },
      test::rounds(1'000));
}

// A reader who comes while a writer waits goes behind it; the readers who wait when a writer leaves go before the next writer.
TEST(shared_mutex, phases_of_readers_and_writers_alternate) {
  weft::run(test::test_options(1), [] {
    shared_mutex m;
    std::string order;
    std::size_t waiting = 0;
    m.lock_shared();
    group g;
    const auto writer = [&](char name) {
      g.spawn([&m, &order, name] {
        const std::lock_guard guard(m);
        order += name;
      });
      ++waiting;
      test::give_way_until([&] { return m.statistics().waiting_readers + m.statistics().waiting_writers == waiting; });
    };
    const auto reader = [&](char name) {
      g.spawn([&m, &order, name] {
        const std::shared_lock guard(m);
        order += name;
      });
      ++waiting;
      test::give_way_until([&] { return m.statistics().waiting_readers + m.statistics().waiting_writers == waiting; });
    };
    writer('A');
    reader('1');
    writer('B');
    reader('2');
    EXPECT_FALSE(m.try_lock_shared());
    m.unlock_shared();
    g.join();
    EXPECT_TRUE(order == "A12B" || order == "A21B") << order;
  });
}

TEST(shared_mutex, a_writer_who_gives_up_lets_readers_pass) {
  test::run([] {
    shared_mutex m;
    m.lock_shared();
    group readers;
    {
      group writer;
      writer.spawn([&] { EXPECT_THROW(m.lock(), cancelled); });
      test::give_way_until([&] { return m.statistics().waiting_writers == 1; });
      readers.spawn([&] { const std::shared_lock guard(m); });
      test::give_way_until([&] { return m.statistics().waiting_readers == 1; });
      writer.cancel();
    }
    readers.join();
    m.unlock_shared();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(shared_mutex, a_reader_who_gives_up_leaves_no_trace) {
  test::run([] {
    shared_mutex m;
    m.lock();
    {
      group g;
      g.spawn([&] { EXPECT_THROW(with_deadline(1ms, [&] { m.lock_shared(); }), timeout_error); });
      test::give_way_until([&] { return m.statistics().waiting_readers == 1; });
    }
    m.unlock();
    EXPECT_EQ(m.statistics().readers, 0U);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

TEST(shared_mutex, misuse_is_refused) {
  shared_mutex m;
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock_shared(); });
  m.lock();
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock_shared(); });
  test::expect_error(std::errc::resource_deadlock_would_occur, [&] { m.lock(); });
  test::expect_error(std::errc::resource_deadlock_would_occur, [&] { m.lock_shared(); });
  m.unlock();
  m.lock_shared();
  test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); });
  m.unlock_shared();
}

TEST(shared_mutex, unlocking_what_another_holds_is_refused_and_harmless) {
  shared_mutex m;
  const std::lock_guard held(m);
  std::thread([&] { test::expect_error(std::errc::operation_not_permitted, [&] { m.unlock(); }); }).join();
  EXPECT_FALSE(m.try_lock());
}

TEST(shared_mutex, cancelled_waiters_strand_nobody) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(300); ++round) {
      shared_mutex m;
      std::atomic<int> readers{0}, writers{0};
      group staying;
      {
        group leaving;
        for (int i = 0; i < 8; ++i) {
          const bool stays = i % 2 == 0;
          (stays ? staying : leaving).spawn([&, stays, mine = random.split()]() mutable {
            try {
              for (int k = 0; k < 10; ++k) {
                if (mine.one_in(3)) {
                  const std::lock_guard guard(m);
                  EXPECT_EQ(writers.fetch_add(1) + readers.load(), 0);
                  test::spin(mine.below(200));
                  writers.fetch_sub(1);
                } else {
                  const std::shared_lock guard(m);
                  readers.fetch_add(1);
                  EXPECT_EQ(writers.load(), 0);
                  test::spin(mine.below(200));
                  readers.fetch_sub(1);
                }
                if (mine.one_in(4)) yield();
              }
            } catch (const cancelled&) {
              EXPECT_FALSE(stays);
            }
          });
        }
        for (std::uint32_t n = random.below(12); n > 0; --n) yield();
        leaving.cancel();
      }
      staying.join();
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  });
}

}  // namespace
}  // namespace weft
