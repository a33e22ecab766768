// Threads that run no fiber wait by the parkers and tickets of fibers, where the kind of wait allows it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr wait_kind for_all{.name = "anything", .threads_may_wait = true};

// A place for the ticket of one who waits. The lock is freed once the wait has begun.
struct meeting {
  spin_lock lock;
  ticket waiting;

  wake wait(parker::time_point limit = parker::time_point::max()) {
    parker self(for_all, this);
    lock.lock();
    waiting = self.id();
    return self.park_until(limit, [this] { lock.unlock(); });
  }
  ticket take() {
    ticket t;
    test::give_way_until([&] {
      const std::lock_guard guard(lock);
      t = std::exchange(waiting, {});
      return static_cast<bool>(t);
    });
    return t;
  }
};

TEST(thread_wait, is_ended_by_a_fiber) {
  for (int i = 0; i < test::rounds(300); ++i) {
    meeting m;
    std::thread waiter([&] { EXPECT_EQ(m.wait(), wake::signalled); });
    test::run([&] { EXPECT_TRUE(m.take().signal()); });
    waiter.join();
  }
}

TEST(thread_wait, is_ended_by_a_thread) {
  meeting ping, pong;
  const int rounds = test::rounds(2'000);
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      ping.take().signal();
      EXPECT_EQ(pong.wait(), wake::signalled);
    }
  });
  for (int i = 0; i < rounds; ++i) {
    EXPECT_EQ(ping.wait(), wake::signalled);
    pong.take().signal();
  }
  other.join();
}

TEST(thread_wait, is_ended_by_its_time_limit) {
  meeting m;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(m.wait(begin - 1s), wake::timed_out);
  EXPECT_EQ(m.wait(begin + 2ms), wake::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), begin + 2ms);
  EXPECT_FALSE(m.waiting.signal()) << "it has ended";
}

TEST(thread_wait, is_possible_in_a_blocking_call) {
  test::run([] {
    meeting m;
    group g;
    g.spawn([&] { blocking([&] { EXPECT_EQ(m.wait(), wake::signalled); }); });
    EXPECT_TRUE(m.take().signal());
  });
}

TEST(thread_wait, a_parker_that_never_parks_leaves_nothing) {
  ticket stale;
  {
    const parker self(for_all);
    stale = self.id();
  }
  EXPECT_FALSE(stale.signal());
}

// A ticket may come after the thread that waited has gone, and meet the next wait on what was lent to it.
TEST(thread_wait, late_tickets_end_no_later_wait) {
  std::vector<ticket> stale;
  for (int i = 0; i < 20; ++i) {
    std::thread([&] {
      meeting m;
      EXPECT_EQ(m.wait(std::chrono::steady_clock::now()), wake::timed_out);
      stale.push_back(m.waiting);
    }).join();
  }
  std::atomic<bool> done{false};
  meeting m;
  std::thread waiter([&] {
    EXPECT_EQ(m.wait(), wake::signalled);
    EXPECT_TRUE(done.load());
  });
  const ticket current = m.take();
  for (const ticket& t : stale) EXPECT_FALSE(t.signal());
  done.store(true);
  EXPECT_TRUE(current.signal());
  waiter.join();
}

// The limit and the signal at about the same time: one of them, and the next wait is not disturbed.
TEST(thread_wait, limit_and_signal_compete) {
  test::random_source random;
  for (int i = 0; i < test::rounds(2'000); ++i) {
    meeting m;
    const auto delay = random.below(200);
    wake why{};
    std::thread waiter([&] { why = m.wait(std::chrono::steady_clock::now() + 50us); });
    const ticket t = m.take();
    test::spin(delay * 100);
    const bool signalled = t.signal();
    waiter.join();
    EXPECT_EQ(why == wake::signalled, signalled);
  }
}

TEST(thread_wait, needs_a_kind_that_allows_it) {
  static constexpr wait_kind for_fibers{"fibers only"};
  EXPECT_THROW(parker{for_fibers}, std::logic_error);
  EXPECT_THROW(parker{}, std::logic_error);
}

TEST(thread_wait, is_in_no_dump_and_harms_none) {
  meeting m;
  std::thread waiter([&] { m.wait(); });
  const ticket t = m.take();
  test::run([] { EXPECT_EQ(dump().find("anything"), std::string::npos); });
  t.signal();
  waiter.join();
}

TEST(thread_wait, works_in_a_child_of_fork) {
  const pid_t child = ::fork();
  if (child == 0) {
    meeting m;
    ::_exit(m.wait(std::chrono::steady_clock::now() + 1ms) == wake::timed_out ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace weft
