// The dump: who is where, what it waits for, and that looking never disturbs or crashes those who run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/observe/peek.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/shield.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// The first dump that has it: what another fiber is about to do, it does soon. After many the latest, for the test's message.
std::string dump_with(const std::string& text, dump_format format = dump_format::text) {
  std::string seen;
  for (int i = 0; i < 200; ++i) {
    seen = dump(format);
    if (seen.find(text) != std::string::npos) break;
    in_fiber() ? yield() : std::this_thread::yield();
  }
  return seen;
}

// A function that a stack can be seen to stand in.
[[maybe_unused, gnu::noinline]] void wait_at_the_well(test::gate& gate) {
  gate.pass();
  asm volatile("");  // no tail call
}

[[maybe_unused, gnu::noinline]] void turn_the_mill(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) test::spin(100);
  asm volatile("");
}

TEST(peek, answers_for_bad_addresses) {
  const int value = 42;
  EXPECT_EQ(detail::peek(&value), 42);
  EXPECT_FALSE(detail::peek(reinterpret_cast<const int*>(16)).has_value());
  EXPECT_FALSE(detail::peek(static_cast<const int*>(nullptr)).has_value());
  EXPECT_EQ(detail::peek_text(nullptr), "");
  EXPECT_EQ(detail::peek_text("plain"), "plain");
  EXPECT_EQ(detail::peek_text("plain", 2), "pl");
  EXPECT_EQ(detail::peek_text(std::string(1000, 'x').c_str()), std::string(200, 'x'));
}

TEST(peek, reads_a_text_up_to_memory_that_is_not_there) {
  constexpr std::size_t page = 4096;
  auto* pages =
      static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(::mprotect(pages + page, page, PROT_NONE), 0);
  pages[page - 2] = 'a';
  pages[page - 1] = 'b';
  EXPECT_EQ(detail::peek_text(pages + page - 2), "ab");
  ::munmap(pages, 2 * page);
}

TEST(dump, of_a_process_without_a_runtime) {
  EXPECT_EQ(dump(), "weft: 0 runtimes");
  EXPECT_EQ(dump(dump_format::json), R"({"runtimes":[]})");
}

TEST(dump, tells_a_parked_fiber_with_its_group_task_and_wait) {
  test::run([] {
    group clients("clients");
    clients.spawn([] { sleep_for(1h); }, {.name = "sleeper"});
    const std::string text = dump_with("sleep, for at most");
    EXPECT_THAT(text, ContainsRegex("group 'clients' made at tests/scheduler/dump_test.cpp:[0-9]+"));
    EXPECT_THAT(text, ContainsRegex("fiber [0-9]+ 'sleeper', spawned at tests/scheduler/dump_test.cpp:[0-9]+: parked"));
    EXPECT_THAT(text, ContainsRegex("sleep, for at most 3[0-9.]+ s more"));
    EXPECT_THAT(text, ContainsRegex("fiber [0-9]+ 'root', spawned at .*: running on worker"));
    clients.cancel();
  });
}

#ifdef WEFT_HAS_STACKS
// This also proves that a Boost context's saved frame is where saved_context.hpp says.
TEST(dump, shows_the_stack_of_a_parked_fiber) {
  test::run([] {
    test::gate gate;
    group g;
    g.spawn([&] { wait_at_the_well(gate); });
    const std::string text = dump_with("wait_at_the_well");
    EXPECT_THAT(text, ContainsRegex("wait_at_the_well.* at .*dump_test.cpp:[0-9]+"));
    EXPECT_THAT(text, Not(HasSubstr("jump_fcontext")));
    EXPECT_THAT(text, Not(HasSubstr("host_main")));
    gate.open();
  });
}

#ifndef WEFT_SIGNALS_ARE_LATE
TEST(dump, shows_the_stack_of_a_running_fiber) {
  std::atomic<bool> stop{false};
  std::thread runner([&] {
    test::run([&] {
      group g;
      g.spawn([&] { turn_the_mill(stop); }, {.name = "miller"});
    });
  });
  EXPECT_THAT(dump_with("turn_the_mill"), ContainsRegex("'miller', spawned at .*: running on worker [0-9]"));
  stop = true;
  runner.join();
}
#endif

TEST(dump, shows_the_callers_own_stack) {
  test::run([] {
    const auto dump_here = [] {
      std::string text = dump();
      asm volatile("");
      return text;
    };
    EXPECT_THAT(dump_here(), HasSubstr("weft::dump"));
  });
}
#endif

TEST(dump, tells_what_a_join_a_task_and_a_blocking_call_wait_for) {
  test::run([] {
    test::gate gate;
    std::atomic<bool> stop{false};
    std::atomic<bool> inner_begun{false},
        slow_begun{false};  // on stacks of their own: a join that came before would run them
    task<void> slow;
    group outer("outer");
    outer.spawn([&] {
      group inner("inner");
      inner.spawn([&] {
        inner_begun = true;
        gate.pass();
      });
      test::give_way_until([&] { return inner_begun.load(); });
    });
    slow = outer.spawn(
        [&] {
          slow_begun = true;
          gate.pass();
        },
        {.name = "slow"});
    test::give_way_until([&] { return slow_begun.load(); });
    outer.spawn([&] { slow.wait(); });
    outer.spawn([&] { blocking([&] { test::give_way_until([&] { return stop.load(); }); }); });
    EXPECT_THAT(dump_with("end of group 'inner'"), HasSubstr("end of group 'inner' 0x"));
    EXPECT_THAT(dump_with("task 'slow'"), HasSubstr("task 'slow' 0x"));
    EXPECT_THAT(dump_with("a call of blocking()"), HasSubstr("1 blocking call\n"));
    stop = true;
    gate.open();
  });
}

TEST(dump, tells_deadlines_and_shields) {
  test::run([] {
    test::gate gate;
    group g;
    g.spawn([&] {
      shield s(2h);
      gate.pass();
    });
    g.spawn([&] {
      deadline limit(1h);
      gate.pass();
    });
    EXPECT_THAT(dump_with("shield made"), ContainsRegex("shield made at .*dump_test.cpp:[0-9]+, ends in 7[0-9.]+ s"));
    EXPECT_THAT(dump_with("deadline made"),
                ContainsRegex("deadline made at .*dump_test.cpp:[0-9]+, ends in 3[0-9.]+ s"));
    gate.open();
  });
}

TEST(dump, counts_tasks_that_have_not_begun) {
  weft::run(test::test_options(1), [] {
    group g("crowd");
    for (int i = 0; i < 5; ++i) g.spawn([] {});
    EXPECT_THAT(dump(), ContainsRegex("group 'crowd' .*: 5 tasks not begun"));
    g.join();
    EXPECT_THAT(dump(), Not(HasSubstr("not begun")));
  });
}

TEST(dump, says_for_how_long_a_fiber_has_been_parked) {
  test::run([] {
    group g;
    g.spawn([] { sleep_for(1h); });
    EXPECT_THAT(dump_with(": sleep"), ContainsRegex("parked for [0-9.]+ (us|ms|s): sleep"));
    g.cancel();
  });
}

TEST(dump, tells_of_several_runtimes) {
  test::run([] {
    runtime other(test::test_options(1));
    EXPECT_THAT(dump(), AllOf(HasSubstr("weft: 2 runtimes"), ContainsRegex("runtime [0-9]+: 1 worker, 0 fibers")));
  });
}

TEST(dump, from_a_thread_that_is_no_worker_and_to_a_file) {
  runtime rt(test::test_options());
  std::FILE* file = std::tmpfile();
  dump(file, dump_format::text);
  EXPECT_GT(std::ftell(file), 0);
  std::fclose(file);
}

TEST(dump, is_json_that_escapes_what_must_be) {
  test::run([] {
    group g;
    g.spawn([] { sleep_for(1h); }, {.name = "a \"quoted\" \\ name\n\x01"});
    const std::string text = dump_with("\"sleep\"", dump_format::json);
    EXPECT_THAT(text, HasSubstr(R"("name":"a \"quoted\" \\ name\u000a\u0001")"));
    EXPECT_THAT(text, HasSubstr(R"("state":"parked","parked_for_ns":)"));
    EXPECT_THAT(text, HasSubstr(R"("waits_for":"sleep")"));
    g.cancel();
  });
}

// Fibers start, park, yield and end all the time, groups and deadlines come and go; each dump must come to an end and leave them alone.
TEST(dump, while_everything_moves) {
  test::random_source random;
  std::atomic<bool> stop{false};
  std::atomic<long> done{0};
  const unsigned seeds[] = {random.below(1 << 30), random.below(1 << 30), random.below(1 << 30)};
  std::thread runner([&] {
    test::run([&] {
      group g;
      for (const unsigned seed : seeds) {
        g.spawn([&, seed] {
          test::random_source mine(seed);
          while (!stop) {
            group churn("churn");
            for (std::uint32_t i = mine.below(20); i > 0; --i) {
              churn.spawn([&, n = mine.below(4)] {
                if (n == 0) yield();
                if (n == 1) sleep_for(1us);
                if (n == 2) {
                  deadline limit(1s);
                  sleep_for(10us);
                }
                test::spin(500);
                ++done;
              });
            }
            yield();
          }
        });
      }
    });
  });
  for (int i = 0; i < test::rounds(100); ++i) {
    const std::string text = dump(i % 2 == 0 ? dump_format::text : dump_format::json);
    EXPECT_FALSE(text.empty());
  }
  const long before = done;
  test::give_way_until([&] { return done > before; });
  stop = true;
  runner.join();
}

TEST(dump, from_several_fibers_at_once) {
  test::run([] {
    group g;
    for (int i = 0; i < 4; ++i) g.spawn([] { EXPECT_THAT(dump(), HasSubstr("running on worker")); });
  });
}

// ---------------------------------------------------------------------------------------------------- SIGQUIT

int quits = 0;
void count_quit(int) { ++quits; }

options with_sigquit() {
  options o = test::test_options();
  o.dump_on_sigquit = true;
  return o;
}

// stderr as a pipe, for as long as this lives.
class captured_stderr {
 public:
  captured_stderr() : saved_(::dup(STDERR_FILENO)) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    read_ = ends[0];
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
  }
  ~captured_stderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(read_);
  }
  // All up to what is wanted; blocks until it comes.
  std::string read_until(const std::string& wanted) {
    while (text_.find(wanted) == std::string::npos) {
      char part[4096];
      const ssize_t n = ::read(read_, part, sizeof part);
      if (n <= 0) break;
      text_.append(part, static_cast<std::size_t>(n));
    }
    return text_;
  }

 private:
  int saved_;
  int read_ = -1;
  std::string text_;
};

class sigquit : public ::testing::Test {
 protected:
  // The descriptor behind the signal's handler stays open from the first use on.
  static void SetUpTestSuite() { const runtime first(with_sigquit()); }
};

TEST_F(sigquit, writes_a_dump_and_goes_on) {
  captured_stderr captured;
  weft::run(with_sigquit(), [&] {
    group g;
    g.spawn([] { sleep_for(1h); }, {.name = "sleeper"});
    (void)dump_with(": sleep");
    for (int i = 0; i < 2; ++i) {
      std::raise(SIGQUIT);
      EXPECT_THAT(captured.read_until("'sleeper'"), HasSubstr("weft: 1 runtime\n"));
    }
    g.cancel();
  });
}

TEST_F(sigquit, is_given_back_by_the_last_runtime) {
  struct sigaction mine = {};
  struct sigaction before = {};
  mine.sa_handler = &count_quit;
  ASSERT_EQ(::sigaction(SIGQUIT, &mine, &before), 0);
  quits = 0;
  {
    const captured_stderr captured;
    auto first = std::make_unique<runtime>(with_sigquit());
    auto second = std::make_unique<runtime>(with_sigquit());
    first.reset();
    std::raise(SIGQUIT);
    EXPECT_EQ(quits, 0);
  }
  std::raise(SIGQUIT);
  EXPECT_EQ(quits, 1);
  ::sigaction(SIGQUIT, &before, nullptr);
}

TEST_F(sigquit, is_not_taken_without_being_asked) {
  struct sigaction before = {};
  struct sigaction during = {};
  ASSERT_EQ(::sigaction(SIGQUIT, nullptr, &before), 0);
  test::run([&] { ::sigaction(SIGQUIT, nullptr, &during); });
  EXPECT_EQ(before.sa_handler, during.sa_handler);
}

}  // namespace
}  // namespace weft
