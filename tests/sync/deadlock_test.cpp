// What a dump and a deadlock report tell of mutexes and events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/sync.hpp>

namespace weft {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

template <class F>
std::string deadlock_of(F f) {
  try {
    test::run(f);
  } catch (const deadlock_error& e) {
    return e.what();
  }
  return {};
}

TEST(deadlock, of_two_mutexes_crossed_names_the_cycle) {
  const std::string report = deadlock_of([] {
    mutex a, b;
    event has_a, has_b;
    group g;
    g.spawn(
        [&] {
          const std::lock_guard first(a);
          has_a.set();
          has_b.wait();
          const std::lock_guard second(b);
        },
        {.name = "left"});
    g.spawn(
        [&] {
          const std::lock_guard first(b);
          has_b.set();
          has_a.wait();
          const std::lock_guard second(a);
        },
        {.name = "right"});
  });
  EXPECT_THAT(
      report,
      AllOf(HasSubstr("These wait for each other:"),
            ContainsRegex("'left', spawned at tests/sync/deadlock_test.cpp:[0-9]+, waits for mutex 0x[0-9a-f]+, held "
                          "by fiber [0-9]+"),
            ContainsRegex("'right', spawned at .*, waits for mutex 0x[0-9a-f]+, held by fiber [0-9]+")));
}

TEST(deadlock, of_a_reader_and_a_writer_names_the_writer) {
  EXPECT_THAT(
      deadlock_of([] {
        shared_mutex a, b;
        event has_a, has_b;
        group g;
        g.spawn(
            [&] {
              const std::lock_guard first(a);
              has_a.set();
              has_b.wait();
              const std::shared_lock second(b);
            },
            {.name = "left"});
        g.spawn(
            [&] {
              const std::lock_guard first(b);
              has_b.set();
              has_a.wait();
              const std::lock_guard second(a);
            },
            {.name = "right"});
      }),
      AllOf(HasSubstr("These wait for each other:"),
            ContainsRegex("'left', .*, waits for shared mutex \\(to read\\) 0x[0-9a-f]+, held by fiber [0-9]+"),
            ContainsRegex("'right', .*, waits for shared mutex \\(to write\\) 0x[0-9a-f]+, held by fiber [0-9]+")));
}

TEST(deadlock, of_recursive_mutexes_names_the_holders) {
  EXPECT_THAT(deadlock_of([] {
                recursive_mutex a, b;
                event has_a, has_b;
                group g;
                g.spawn([&] {
                  const std::lock_guard first(a);
                  const std::lock_guard again(a);
                  has_a.set();
                  has_b.wait();
                  const std::lock_guard second(b);
                });
                g.spawn([&] {
                  const std::lock_guard first(b);
                  has_b.set();
                  has_a.wait();
                  const std::lock_guard second(a);
                });
              }),
              ContainsRegex("These wait for each other:\n.*waits for mutex 0x[0-9a-f]+, held by fiber"));
}

TEST(deadlock, of_two_call_onces_names_who_calls) {
  EXPECT_THAT(deadlock_of([] {
                once_flag a, b;
                event in_a, in_b;
                group g;
                g.spawn([&] {
                  call_once(a, [&] {
                    in_a.set();
                    in_b.wait();
                    call_once(b, [] {});
                  });
                });
                g.spawn([&] {
                  call_once(b, [&] {
                    in_b.set();
                    in_a.wait();
                    call_once(a, [] {});
                  });
                });
              }),
              ContainsRegex("These wait for each other:\n.*waits for call_once 0x[0-9a-f]+, held by fiber"));
}

TEST(deadlock, of_what_nobody_signals_names_the_kind) {
  const auto waits_for = [](const char* kind) {
    return ContainsRegex(std::string("Nobody is left who could end:\n  the wait of fiber [0-9]+ 'root', .*, for ") +
                         kind + " 0x");
  };
  EXPECT_THAT(deadlock_of([] {
                counting_semaphore<> none(0);
                none.acquire();
              }),
              waits_for("semaphore"));
  EXPECT_THAT(deadlock_of([] {
                mutex m;
                condition_variable never;
                std::unique_lock lock(m);
                never.wait(lock);
              }),
              waits_for("condition variable"));
  EXPECT_THAT(deadlock_of([] {
                latch never(1);
                never.wait();
              }),
              waits_for("latch"));
  EXPECT_THAT(deadlock_of([] {
                barrier<> of_two(2);
                of_two.arrive_and_wait();
              }),
              waits_for("barrier"));
}

TEST(deadlock, of_an_event_never_set) {
  EXPECT_THAT(deadlock_of([] {
                event never;
                never.wait();
              }),
              ContainsRegex("Nobody is left who could end:\n  the wait of fiber [0-9]+ 'root', .*, for event 0x"));
}

TEST(deadlock, through_a_join_is_a_cycle) {
  EXPECT_THAT(deadlock_of([] {
                mutex m;
                const std::lock_guard held(m);
                event begun;  // so that the child does not run on our stack
                group g("g");
                g.spawn(
                    [&] {
                      begun.set();
                      const std::lock_guard again(m);
                    },
                    {.name = "child"});
                begun.wait();
                g.join();
              }),
              AllOf(HasSubstr("These wait for each other:"), ContainsRegex("'child', .*, waits for mutex"),
                    HasSubstr("waits for end of group 'g'")));
}

TEST(dump, names_the_holder_of_a_mutex) {
  test::run([] {
    mutex m;
    group g;
    m.lock();
    g.spawn([&] { const std::lock_guard wait(m); });
    std::string text;
    test::give_way_until([&] { return (text = dump()).find(": mutex") != std::string::npos; });
    EXPECT_THAT(text, ContainsRegex("mutex 0x[0-9a-f]+, held by fiber [0-9]+"));
    m.unlock();
  });
}

TEST(dump, says_that_a_mutex_is_held_by_a_thread) {
  mutex m;
  std::latch locked(1), seen(1);
  std::thread holder([&] {
    const std::lock_guard hold(m);
    locked.count_down();
    seen.wait();
  });
  locked.wait();
  test::run([&] {
    group g;
    g.spawn([&] { const std::lock_guard wait(m); });
    std::string text;
    test::give_way_until([&] { return (text = dump()).find(": mutex") != std::string::npos; });
    EXPECT_THAT(text, HasSubstr("held by a thread that is no fiber"));
    seen.count_down();
  });
  holder.join();
}

}  // namespace
}  // namespace weft
