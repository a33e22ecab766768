// The one way to wait: parkers, their tickets, and who may end a wait.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// A wait whose ticket others can see once its fiber's stack is out of use.
struct visible_wait {
  ticket waiting;
  std::atomic<bool> parked{false};

  wake park(parker::cancellation mode = parker::cancellation::observed,
            parker::time_point limit = parker::time_point::max()) {
    parker self(mode);
    waiting = self.id();
    return self.park_until(limit, [this] { parked.store(true, std::memory_order_release); });
  }
  void await() {
    test::give_way_until([this] { return parked.load(std::memory_order_acquire); });
  }
};

TEST(park, ends_by_a_signal_of_another_fiber) {
  test::run([] {
    for (int i = 0; i < test::rounds(1'000); ++i) {
      visible_wait w;
      group g;
      g.spawn([&] { EXPECT_EQ(w.park(), wake::signalled); });
      w.await();
      EXPECT_TRUE(w.waiting.signal());
    }
  });
}

TEST(park, ends_by_a_signal_of_a_foreign_thread) {
  test::run([] {
    for (int i = 0; i < test::rounds(500); ++i) {
      visible_wait w;
      std::thread foreign([&] {
        w.await();
        EXPECT_TRUE(w.waiting.signal());
      });
      EXPECT_EQ(w.park(), wake::signalled);
      foreign.join();
    }
  });
}

// The ticket is out before the fiber parks: the signal must wait for the wait, and must not be lost.
TEST(park, a_signal_that_comes_before_the_park_ends_it) {
  test::run([] {
    test::random_source random;
    std::atomic<int> round{0};
    std::array<ticket, 2> tickets;
    const int rounds = test::rounds(5'000);
    std::thread foreign([&] {
      for (int i = 1; i <= rounds; ++i) {
        test::give_way_until([&] { return round.load(std::memory_order_acquire) >= i; });
        EXPECT_TRUE(tickets[static_cast<std::size_t>(i % 2)].signal());
      }
    });
    for (int i = 1; i <= rounds; ++i) {
      parker self;
      tickets[static_cast<std::size_t>(i % 2)] = self.id();
      round.store(i, std::memory_order_release);
      test::spin(random.below(300));
      EXPECT_EQ(self.park(), wake::signalled);
    }
    foreign.join();
  });
}

TEST(park, the_release_step_runs_once_before_anyone_resumes_the_fiber) {
  test::run([] {
    int released = 0;
    visible_wait w;
    group g;
    g.spawn([&] {
      parker self;
      w.waiting = self.id();
      self.park([&] {
        ++released;
        w.parked.store(true);
      });
      EXPECT_EQ(released, 1);
    });
    w.await();
    w.waiting.signal();
  });
}

TEST(park, the_release_step_may_signal_the_wait_itself) {
  test::run([] {
    for (int i = 0; i < 100; ++i) {
      parker self;
      const ticket me = self.id();
      EXPECT_EQ(self.park([&] { me.signal(); }), wake::signalled);
    }
  });
}

TEST(park, a_second_signal_does_nothing) {
  test::run([] {
    visible_wait w;
    group g;
    g.spawn([&] { w.park(); });
    w.await();
    const ticket copy = w.waiting;
    EXPECT_TRUE(w.waiting.signal());
    EXPECT_FALSE(copy.signal());
    g.join();
    EXPECT_FALSE(copy.signal());
  });
}

TEST(park, an_empty_ticket_names_nothing) {
  EXPECT_FALSE(ticket{});
  EXPECT_FALSE(ticket{}.signal());
}

TEST(park, a_ticket_of_an_earlier_wait_does_not_end_a_later_one) {
  test::run([] {
    visible_wait first, second;
    group g;
    g.spawn([&] {
      first.park();
      second.park();
    });
    first.await();
    EXPECT_TRUE(first.waiting.signal());
    second.await();
    EXPECT_FALSE(first.waiting.signal());
    EXPECT_TRUE(second.waiting.signal());
  });
}

// The fiber of a task that has ended serves other tasks, or lies in a pool: it must not be woken by what an ended task left.
TEST(park, a_ticket_of_an_ended_task_does_nothing) {
  test::run([] {
    std::vector<ticket> stale;
    for (int i = 0; i < 20; ++i) {
      visible_wait w;
      group g;
      g.spawn([&] { w.park(); });
      w.await();
      stale.push_back(w.waiting);
      w.waiting.signal();
    }
    for (int i = 0; i < 100; ++i) yield();
    for (const ticket& t : stale) EXPECT_FALSE(t.signal());
    std::atomic<int> ran{0};
    {
      group g;
      for (int i = 0; i < 100; ++i) {
        g.spawn([&] {
          yield();
          ran.fetch_add(1);
        });
      }
      for (const ticket& t : stale) EXPECT_FALSE(t.signal());
    }
    EXPECT_EQ(ran.load(), 100);
  });
}

TEST(park, a_parker_that_never_parks_leaves_its_ticket_void) {
  test::run([] {
    ticket abandoned;
    for (int i = 0; i < 100; ++i) {
      parker self;
      abandoned = self.id();
    }
    EXPECT_FALSE(abandoned.signal());
    sleep_for(10us);
    EXPECT_FALSE(abandoned.signal());
  });
}

TEST(park, a_void_ticket_of_an_ended_task_does_nothing) {
  test::run([] {
    std::vector<ticket> abandoned(20);
    {
      group g;
      for (ticket& t : abandoned) {
        g.spawn([&t] {
          yield();
          parker self;
          t = self.id();
        });
      }
    }
    for (int i = 0; i < 100; ++i) yield();
    for (const ticket& t : abandoned) EXPECT_FALSE(t.signal());
  });
}

TEST(park, ends_by_its_time_limit_and_not_before) {
  test::run([] {
    for (int i = 0; i < 20; ++i) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(100 * i);
      parker self;
      EXPECT_EQ(self.park_until(until, [] {}), wake::timed_out);
      EXPECT_GE(std::chrono::steady_clock::now(), until);
    }
  });
}

TEST(park, a_time_limit_in_the_past_ends_it_too) {
  test::run([] {
    for (const auto limit : {std::chrono::steady_clock::now() - 1h, parker::time_point{}, parker::time_point::min()}) {
      static std::atomic<int> released;  // not in this frame: the fiber may go on before the step is done
      released.store(0);
      parker self;
      EXPECT_EQ(self.park_until(limit, [] { released.fetch_add(1); }), wake::timed_out);
      test::give_way_until([] { return released.load() == 1; });
    }
  });
}

TEST(park, a_signal_comes_before_a_distant_time_limit) {
  test::run([] {
    for (int i = 0; i < 100; ++i) {
      visible_wait w;
      group g;
      g.spawn([&] {
        EXPECT_EQ(w.park(parker::cancellation::observed, std::chrono::steady_clock::now() + 24h), wake::signalled);
      });
      w.await();
      EXPECT_TRUE(w.waiting.signal());
    }
  });
}

TEST(park, ends_by_cancellation) {
  test::run([] {
    visible_wait w;
    wake why{};
    group g;
    g.spawn([&] { why = w.park(); });
    w.await();
    g.cancel();
    g.join();
    EXPECT_EQ(why, wake::cancelled);
    EXPECT_FALSE(w.waiting.signal());
  });
}

TEST(park, a_wait_that_ignores_cancellation_is_ended_by_its_signal_alone) {
  test::run([] {
    visible_wait w;
    wake why{};
    group g;
    g.spawn([&] { why = w.park(parker::cancellation::ignored); });
    w.await();
    g.cancel();
    for (int i = 0; i < 100; ++i) {
      try {
        yield();
      } catch (const cancelled&) {
      }
    }
    EXPECT_TRUE(w.waiting.signal());
    g.join();
    EXPECT_EQ(why, wake::signalled);
  });
}

TEST(park, a_wait_that_ignores_cancellation_can_begin_when_cancelled) {
  test::run([] {
    group g;
    g.cancel();
    parker self(parker::cancellation::ignored);
    EXPECT_EQ(self.park_until(std::chrono::steady_clock::now() + 1ms, [] {}), wake::timed_out);
  });
}

TEST(park, a_parker_cannot_be_made_when_cancelled) {
  test::run([] {
    group g("outer");
    g.cancel();
    for (int i = 0; i < 3; ++i) {
      try {
        parker self;
        ADD_FAILURE() << "made";
      } catch (const cancelled& c) {
        EXPECT_EQ(c.origin(), "outer");
        EXPECT_EQ(c.reason(), cancel_reason::requested);
      }
    }
  });
}

TEST(park, needs_a_fiber) {
  EXPECT_THROW(parker{}, std::logic_error);
  EXPECT_THROW(parker{parker::cancellation::ignored}, std::logic_error);
  EXPECT_THROW(throw_cancelled(), std::logic_error);
  EXPECT_NO_THROW(check_cancelled());
  try {
    parker self;
  } catch (const std::logic_error& e) {
    EXPECT_NE(std::string(e.what()).find("inside weft::run"), std::string::npos) << e.what();
  }
}

TEST(park, a_fiber_parked_by_time_resumes_although_its_worker_computes) {
  if (test::worker_count() == 1) return;  // then nobody else is there to see to it
  options o = test::test_options();
  o.backstop = 1ms;  // an idle worker looks after the timers of those who compute
  weft::run(o, [] {
    for (int i = 0; i < 20; ++i) {
      visible_wait w;
      std::atomic<bool> woken{false};
      group g;
      g.spawn([&] {
        EXPECT_EQ(w.park(parker::cancellation::observed, std::chrono::steady_clock::now() + 1ms), wake::timed_out);
        woken.store(true);
      });
      w.await();
      while (!woken.load()) test::spin(1'000);
    }
  });
}

// Signal, time limit and cancellation at about the same moment: one of them ends the wait, says so, and the others know.
TEST(park, exactly_one_of_all_ends_the_wait) {
  test::run([] {
    test::random_source random;
    int by_signal = 0;
    int by_time = 0;
    int by_cancellation = 0;
    for (int i = 0; i < test::rounds(3'000); ++i) {
      visible_wait w;
      wake why{};
      bool signal_won = false;
      group outer;
      std::atomic<bool> cancel_now{false};
      const auto spin_canceller = random.below(3'000);
      const auto spin_signaller = random.below(3'000);
      const auto limit = std::chrono::microseconds(random.below(20));
      const auto turns = random.one_in(2) ? random.below(200) : 0;  // time to look at timers
      outer.spawn([&] {
        group inner;
        inner.spawn([&] {
          try {
            why = w.park(parker::cancellation::observed, std::chrono::steady_clock::now() + limit);
          } catch (const cancelled&) {
            why = wake::cancelled;
            w.parked.store(true);  // never parked: its ticket is void
          }
        });
        inner.spawn([&] {
          w.await();
          for (std::uint32_t n = 0; n < turns; ++n) yield();
          test::spin(spin_signaller);
          signal_won = w.waiting.signal();
        });
        while (!cancel_now.load() && !w.parked.load()) yield();
        for (std::uint32_t n = 0; n < turns; ++n) yield();
        test::spin(spin_canceller);
        inner.cancel();
      });
      cancel_now.store(random.one_in(4));
      outer.join();
      if (!w.waiting) continue;  // cancelled before it began
      w.await();                 // the release step may come after the end of the wait
      EXPECT_EQ(signal_won, why == wake::signalled);
      by_signal += why == wake::signalled ? 1 : 0;
      by_time += why == wake::timed_out ? 1 : 0;
      by_cancellation += why == wake::cancelled ? 1 : 0;
    }
    std::printf("ended by signal %d, time %d, cancellation %d\n", by_signal, by_time, by_cancellation);
  });
}

// Many signallers, many waiters, tickets thrown at random, old ones too: each wait is ended by one signal.
TEST(park, each_wait_is_ended_by_one_of_many_signals) {
  test::run([] {
    test::random_source random;
    constexpr int waiters = 16;
    const int each = test::rounds(500);
    struct slot {
      detail::spin_lock lock;
      ticket waiting;
    };
    std::array<slot, waiters> slots;
    std::atomic<long> ended{0};
    std::atomic<long> won{0};
    std::atomic<int> left{waiters};
    auto signaller = [&](test::random_source mine) {
      while (left.load() > 0) {
        slot& s = slots[mine.below(waiters)];
        s.lock.lock();
        const ticket t = s.waiting;
        s.lock.unlock();
        if (t.signal()) won.fetch_add(1);
        if (mine.one_in(3)) {
          if (in_fiber()) {
            yield();
          } else {
            std::this_thread::yield();
          }
        }
      }
    };
    std::thread foreign(signaller, random.split());
    {
      group g;
      for (int i = 0; i < waiters; ++i) {
        g.spawn([&, i] {
          slot& s = slots[static_cast<std::size_t>(i)];
          for (int k = 0; k < each; ++k) {
            parker self;
            s.lock.lock();
            s.waiting = self.id();
            EXPECT_EQ(self.park([&s] { s.lock.unlock(); }), wake::signalled);
            ended.fetch_add(1);
          }
          left.fetch_sub(1);
        });
      }
      for (int i = 0; i < 3; ++i) g.spawn([&, mine = random.split()]() mutable { signaller(mine); });
    }
    foreign.join();
    EXPECT_EQ(ended.load(), static_cast<long>(waiters) * each);
    EXPECT_EQ(won.load(), ended.load());
  });
}

// A woken fiber may end its run, and with it the runtime, before the signalling thread has returned from signal().
TEST(park, the_runtime_may_end_as_soon_as_a_foreign_signal_has_done_its_work) {
  for (int i = 0; i < test::rounds(300); ++i) {
    auto w = std::make_unique<visible_wait>();
    std::thread foreign([&] {
      w->await();
      const ticket waiting = w->waiting;
      waiting.signal();
    });
    test::run([&] { EXPECT_EQ(w->park(), wake::signalled); });
    foreign.join();
  }
}

}  // namespace
}  // namespace weft
