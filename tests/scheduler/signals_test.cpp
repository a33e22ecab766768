// Signals: those that end a run(), and those that a fiber waits for.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/signals.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

options ending_on_signals() {
  options o = test::test_options();
  o.end_on_signals = true;
  return o;
}

using handler = void (*)(int);

handler handler_of(int number) {
  struct sigaction current = {};
  ::sigaction(number, nullptr, &current);
  return current.sa_handler;
}

void own_handler(int) {}

// ------------------------------------------------------------------------------------------------- ending a run()

TEST(end_on_signals, the_first_cancels_the_root) {
  for (const int number : {SIGINT, SIGTERM}) {
    std::atomic<int> cleaned{0};
    try {
      weft::run(ending_on_signals(), [&] {
        services().spawn([] { sleep_for(1h); });
        group g;
        g.spawn([&] {
          try {
            sleep_for(1h);
          } catch (const cancelled& c) {
            EXPECT_EQ(c.reason(), cancel_reason::signal);
            const shield patience(5s);
            sleep_for(100us);
            cleaned.fetch_add(1);
            throw;
          }
        });
        yield();
        ::kill(::getpid(), number);
        sleep_for(1h);
      });
      ADD_FAILURE();
    } catch (const cancelled& c) {
      EXPECT_EQ(c.reason(), cancel_reason::signal);
    }
    EXPECT_LE(cleaned.load(), 1);
    EXPECT_EQ(handler_of(number), SIG_DFL) << "restored";
  }
}

TEST(end_on_signals, a_function_that_ends_well_all_the_same_returns_its_result) {
  const int result = weft::run(ending_on_signals(), [] {
    services().spawn([] { sleep_for(1h); });
    ::kill(::getpid(), SIGINT);
    try {
      sleep_for(1h);
    } catch (const cancelled&) {
      return 3;
    }
    return 4;
  });
  EXPECT_EQ(result, 3);
}

TEST(end_on_signals, is_off_by_default) {
  EXPECT_FALSE(options().end_on_signals);
  test::run([] {
    EXPECT_EQ(handler_of(SIGINT), SIG_DFL);
    EXPECT_EQ(handler_of(SIGTERM), SIG_DFL);
  });
}

TEST(end_on_signals, handlers_stand_while_a_run_is_in_progress_only) {
  struct sigaction own = {};
  own.sa_handler = &own_handler;
  struct sigaction before = {};
  ASSERT_EQ(::sigaction(SIGTERM, &own, &before), 0);
  {
    runtime rt(ending_on_signals());
    EXPECT_EQ(handler_of(SIGTERM), &own_handler);
    rt.run([] { EXPECT_NE(handler_of(SIGTERM), &own_handler); });
    EXPECT_EQ(handler_of(SIGTERM), &own_handler);
    EXPECT_THROW(rt.run([] { throw std::runtime_error("x"); }), std::runtime_error);
    EXPECT_EQ(handler_of(SIGTERM), &own_handler);
  }
  ::sigaction(SIGTERM, &before, nullptr);
}

TEST(end_on_signals, an_ignored_signal_stays_ignored) {
  ::signal(SIGINT, SIG_IGN);
  weft::run(ending_on_signals(), [] {
    ::kill(::getpid(), SIGINT);
    yield();
    EXPECT_EQ(handler_of(SIGINT), SIG_IGN);
  });
  EXPECT_EQ(handler_of(SIGINT), SIG_IGN);
  ::signal(SIGINT, SIG_DFL);
}

TEST(end_on_signals, all_runtimes_that_have_asked_hear_it_and_no_other) {
  std::atomic<int> ready{0};
  std::atomic<int> ended{0};
  std::atomic<bool> release{false};
  const auto asked = [&] {
    EXPECT_THROW(weft::run(ending_on_signals(),
                           [&] {
                             ready.fetch_add(1);
                             sleep_for(1h);
                           }),
                 cancelled);
    ended.fetch_add(1);
  };
  const auto not_asked = [&] {
    test::run([&] {
      ready.fetch_add(1);
      test::give_way_until([&] { return release.load(); });
    });
  };
  std::thread a(asked);
  std::thread b(asked);
  std::thread c(not_asked);
  test::give_way_until([&] { return ready.load() == 3; });
  ::kill(::getpid(), SIGINT);
  a.join();
  b.join();
  EXPECT_EQ(ended.load(), 2);
  release.store(true);
  c.join();
  EXPECT_EQ(handler_of(SIGINT), SIG_DFL);
}

// Swallows the cancellation; what an endless cleanup looks like.
[[noreturn]] void never_end() {
  for (;;) {
    try {
      sleep_for(1h);
    } catch (const cancelled&) {
    }
  }
}

TEST(end_on_signals_death, a_second_one_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(weft::run(ending_on_signals(),
                        [] {
                          ::kill(::getpid(), SIGTERM);
                          try {
                            sleep_for(1h);
                          } catch (const cancelled&) {
                            ::kill(::getpid(), SIGTERM);
                          }
                          never_end();
                        }),
              ::testing::ExitedWithCode(128 + SIGTERM), "told to end by SIGTERM and has not: a second signal came");
}

TEST(end_on_signals_death, the_end_of_the_grace_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  options o = ending_on_signals();
  o.signal_grace = 20ms;
  EXPECT_EXIT(weft::run(o,
                        [] {
                          ::kill(::getpid(), SIGINT);
                          never_end();
                        }),
              ::testing::ExitedWithCode(128 + SIGINT), "told to end by SIGINT and has not: the grace has run out");
}

// ------------------------------------------------------------------------------------------------- waiting for signals

TEST(signal_set, wait_returns_the_number) {
  test::run([] {
    signal_set set{SIGUSR1, SIGUSR2};
    ::kill(::getpid(), SIGUSR2);
    EXPECT_EQ(set.wait(), SIGUSR2);
    ::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
  });
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
}

TEST(signal_set, a_parked_fiber_is_woken) {
  test::run([] {
    for (int i = 0; i < test::rounds(200); ++i) {
      signal_set set{SIGUSR1};
      std::atomic<bool> waits{false};
      group g;
      auto t = g.spawn([&] {
        waits.store(true);
        return set.wait();
      });
      test::give_way_until([&] { return waits.load(); });
      if (i % 2 == 0) yield();
      ::kill(::getpid(), SIGUSR1);
      EXPECT_EQ(t.get(), SIGUSR1);
    }
  });
}

TEST(signal_set, what_comes_before_the_wait_is_kept) {
  test::run([] {
    signal_set set{SIGUSR1};
    signal_set other{SIGUSR1};
    ::raise(SIGUSR1);
    EXPECT_EQ(other.wait(), SIGUSR1) << "each set sees it";
    ::raise(SIGUSR1);
    EXPECT_EQ(other.wait(), SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1);
  });
}

TEST(signal_set, a_wait_for_a_signal_is_no_deadlock) {
  test::run([] {
    signal_set set{SIGALRM};
    const itimerval later{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 300'000}};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &later, nullptr), 0);
    EXPECT_EQ(set.wait(), SIGALRM);
  });
}

TEST(signal_set, wait_is_a_cancellation_point) {
  test::run([] {
    signal_set set{SIGUSR1};
    EXPECT_THROW(with_deadline(1ms, [&] { set.wait(); }), timeout_error);
    ::raise(SIGUSR1);
    EXPECT_EQ(set.wait(), SIGUSR1) << "and can be used again";
  });
}

TEST(signal_set, is_for_one_fiber_at_a_time) {
  test::run([] {
    signal_set set{SIGUSR1};
    group g(supervise);  // the failure of one must not end the other, or this fiber, before it is told which is which
    auto first = g.spawn([&] { return set.wait(); });
    auto second = g.spawn([&] { return set.wait(); });
    test::give_way_until([&] { return first.done() || second.done(); });
    auto& refused = first.done() ? first : second;
    auto& waits = first.done() ? second : first;
    EXPECT_THROW(refused.get(), std::logic_error);
    g.cancel();
    EXPECT_THROW(waits.get(), cancelled);
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(signal_set, refuses_what_cannot_be_handled) {
  EXPECT_THROW(signal_set{SIGSEGV}, std::invalid_argument);
  EXPECT_THROW(signal_set{0}, std::invalid_argument);
  EXPECT_THROW(signal_set{1000}, std::invalid_argument);
  EXPECT_THROW((signal_set{SIGUSR1, SIGKILL}), std::system_error);
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL) << "taken back";
  signal_set fine{SIGUSR1};
  EXPECT_THROW(fine.wait(), std::logic_error) << "outside a fiber";
}

TEST(signal_set, come_and_go_while_signals_arrive) {
  signal_set keeps_the_handler{SIGUSR1};
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop.load()) {
      ::kill(::getpid(), SIGUSR1);
      std::this_thread::yield();
    }
  });
  test::run([&] {
    group g;
    for (int i = 0; i < 4; ++i) {
      g.spawn([] {
        for (int n = 0; n < test::rounds(200); ++n) {
          signal_set set{SIGUSR1};
          EXPECT_EQ(set.wait(), SIGUSR1);
        }
      });
    }
  });
  stop.store(true);
  sender.join();
}

}  // namespace
}  // namespace weft
