// Cancellation at every moment: against fibers that begin to wait, that are woken otherwise, that come and go. A wait that it misses
// lasts for ever, and the test with it.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Waits for ever in one of many ways.
void wait_somehow(test::random_source& random) {
  switch (random.below(8)) {
    case 0:
      sleep_for(1h);
      break;
    case 1: {
      parker self;
      if (self.park() == wake::cancelled) throw_cancelled();
      break;
    }
    case 2: {
      group g;
      sleep_for(1h);
      break;
    }
    case 3: {
      group g;
      g.spawn([] { sleep_for(1h); });
      g.join();
      break;
    }
    case 4: {
      group g;
      auto t = g.spawn([] { sleep_for(1h); });
      t.get();
      break;
    }
    case 5: {
      deadline d(1h);
      group g;
      deadline e(1h);
      sleep_for(1h);
      break;
    }
    case 6: {
      group g;
      auto t = g.spawn([] {
        parker self;
        if (self.park_until(std::chrono::steady_clock::now() + 1h, [] {}) == wake::cancelled) throw_cancelled();
      });
      (void)t.wait_for(1h);
      g.join();
      break;
    }
    default:
      for (;;) yield();
  }
}

// Works for a while in short waits of all kinds, then waits for ever.
void work_and_wait(test::random_source random) {
  for (std::uint32_t n = random.below(12); n > 0; --n) {
    switch (random.below(6)) {
      case 0:
        yield();
        break;
      case 1:
        sleep_for(std::chrono::microseconds(random.below(30)));
        break;
      case 2: {
        group g;
        g.spawn([] { yield(); });
        break;
      }
      case 3:
        test::spin(random.below(2'000));
        break;
      case 4: {
        deadline d(1h);
        yield();
        break;
      }
      default: {
        group g;
        auto t = g.spawn([] { return 1; });
        t.get();
      }
    }
  }
  wait_somehow(random);
}

TEST(cancel_race, loses_nobody_who_begins_to_wait) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(1'500); ++round) {
      group g;
      for (std::uint32_t n = 1 + random.below(6); n > 0; --n) {
        g.spawn([source = random.split()] { work_and_wait(source); });
      }
      for (std::uint32_t n = random.below(8); n > 0; --n) yield();
      if (random.one_in(4)) sleep_for(std::chrono::microseconds(random.below(60)));
      test::spin(random.below(3'000));
      g.cancel();
    }
  });
}

TEST(cancel_race, from_a_foreign_thread_loses_nobody) {
  test::random_source random;
  test::run([&] {
    std::atomic<group*> current{nullptr};
    std::atomic<bool> end{false};
    std::thread foreign([&, mine = random.split()]() mutable {
      while (!end.load()) {
        if (group* g = current.load()) {
          test::spin(mine.below(5'000));
          g->cancel();
          current.store(nullptr);
        } else {
          std::this_thread::yield();
        }
      }
    });
    for (int round = 0; round < test::rounds(150); ++round) {
      group g;
      for (int n = 0; n < 4; ++n) g.spawn([source = random.split()] { work_and_wait(source); });
      current.store(&g);
      {
        // The group must exist until the thread is done with it.
        while (current.load() != nullptr) {
          try {
            yield();
          } catch (const cancelled&) {
            std::this_thread::yield();
          }
        }
      }
    }
    end.store(true);
    foreign.join();
  });
}

TEST(cancel_race, several_cancellations_of_a_tree_lose_nobody) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(400); ++round) {
      group top;
      std::array<std::optional<task<void>>, 4> handles;
      for (auto& h : handles) {
        h = top.spawn([source = random.split()]() mutable {
          group middle;
          for (int i = 0; i < 3; ++i) {
            middle.spawn([inner = source.split()]() mutable {
              group bottom;
              bottom.spawn([leaf = inner.split()] { work_and_wait(leaf); });
              if (inner.one_in(2)) yield();
              if (inner.one_in(3)) bottom.cancel();
              work_and_wait(inner);
            });
          }
          if (source.one_in(2)) yield();
          if (source.one_in(3)) middle.cancel();
          middle.join();
          wait_somehow(source);
        });
      }
      for (std::uint32_t n = random.below(20); n > 0; --n) yield();
      test::spin(random.below(3'000));
      top.cancel();
    }
  });
}

// A signal and a cancellation at once: a wait ended by the signal reports it, though the scope is cancelled by then.
TEST(cancel_race, a_signal_that_came_first_is_not_lost) {
  test::random_source random;
  test::run([&] {
    int signalled = 0;
    for (int round = 0; round < test::rounds(3'000); ++round) {
      ticket waiting;
      std::atomic<bool> parked{false};
      wake why{};
      bool won = false;
      {
        group signalling;
        group g;
        g.spawn([&] {
          parker self;
          waiting = self.id();
          why = self.park([&] { parked.store(true); });
        });
        test::give_way_until([&] { return parked.load(); });
        signalling.spawn([&, n = random.below(2'000)] {
          test::spin(n);
          won = waiting.signal();
        });
        if (random.one_in(3)) yield();
        test::spin(random.below(2'000));
        g.cancel();
      }
      EXPECT_EQ(won, why == wake::signalled);
      signalled += won ? 1 : 0;
    }
    std::printf("signalled %d of %d\n", signalled, test::rounds(3'000));
  });
}

// Deadlines that pass at all moments, on fibers that set timers all the time, also late because their worker computes.
TEST(cancel_race, deadlines_that_pass_at_any_moment_lose_nobody) {
  test::random_source random;
  options o = test::test_options();
  weft::run(o, [&] {
    group g(supervise);
    for (int f = 0; f < 4; ++f) {
      g.spawn([mine = random.split()]() mutable {
        for (int round = 0; round < test::rounds(150); ++round) {
          try {
            with_deadline(std::chrono::microseconds(mine.below(300)), [&] {
              for (;;) {
                if (mine.one_in(10)) test::spin(mine.below(200'000));
                sleep_for(std::chrono::microseconds(mine.below(40)));
              }
            });
            ADD_FAILURE();
          } catch (const timeout_error&) {
          }
        }
      });
    }
  });
}

// Scopes are linked into the tree by the first fiber that waits in them; several may do so at once, while one above is cancelled.
TEST(cancel_race, scopes_linked_by_several_fibers_at_once_are_all_reached) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(1'000); ++round) {
      group top;
      top.spawn([&, mine = random.split()]() mutable {
        deadline a(1h);
        group b;
        deadline c(1h);
        group d;
        for (int i = 0; i < 6; ++i) {
          d.spawn([n = mine.below(500)] {
            test::spin(n);
            parker self;
            if (self.park() == wake::cancelled) throw_cancelled();
          });
        }
        d.join();
      });
      for (std::uint32_t n = random.below(6); n > 0; --n) yield();
      test::spin(random.below(3'000));
      top.cancel();
    }
  });
}

// Groups that come and go below a scope while that scope is cancelled: the walk must not meet one that is gone.
TEST(cancel_race, groups_that_come_and_go_are_no_trap_for_the_walk) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(500); ++round) {
      group top;
      for (int i = 0; i < 4; ++i) {
        top.spawn([mine = random.split()]() mutable {
          for (;;) {
            group g;
            deadline d(1h);
            g.spawn([n = mine.below(3)] {
              for (std::uint32_t k = 0; k < n; ++k) yield();
            });
            if (mine.one_in(2)) sleep_for(1us);
          }
        });
      }
      for (std::uint32_t n = random.below(30); n > 0; --n) yield();
      sleep_for(std::chrono::microseconds(random.below(50)));
      top.cancel();
    }
  });
}

}  // namespace
}  // namespace weft
