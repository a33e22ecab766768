// Stacks of fibers: their size, their end, and what happens when there are no more.
#include <gtest/gtest.h>
#include <netdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <scheduler/gate.hpp>
#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(stacks, sizes_that_make_no_sense_are_refused) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4'096}, std::size_t{32} << 10,
                                 std::size_t{65'537}, std::size_t{1'000'000}}) {
    options o = test::test_options();
    o.stack_size = size;
    EXPECT_THROW(runtime rt(o), std::invalid_argument) << size;
  }
}

TEST(stacks, small_and_large_ones_work) {
  for (const std::size_t size : {std::size_t{64} << 10, std::size_t{128} << 10, std::size_t{16} << 20}) {
    options o = test::test_options();
    o.stack_size = size;
    weft::run(o, [] {
      group g;
      for (int i = 0; i < 200; ++i) {
        g.spawn([] {
          yield();
          sleep_for(10us);
        });
      }
    });
  }
}

// Touches about that much of the stack.
[[gnu::noinline]] std::size_t use_stack(std::size_t bytes) {
  volatile char frame[4'096];
  frame[0] = static_cast<char>(bytes);
  frame[sizeof frame - 1] = static_cast<char>(bytes);
  const std::size_t below = bytes > sizeof frame ? use_stack(bytes - sizeof frame) : 0;
  return below + static_cast<unsigned char>(frame[0]);
}

TEST(stacks, most_of_the_size_can_be_used) {
  test::run([] {
    group g;
    auto t = g.spawn([] { return use_stack(200 << 10); });
    (void)t.wait_for(1h);
    t.get();
  });
}

// A task that runs on the stack of one who waits for it still finds room: at least half of a stack of its own.
TEST(stacks, tasks_run_on_their_waiters_stack_find_half_a_stack) {
  struct recursion {
    static std::size_t descend(int levels) {
      volatile char frame[2'048];
      frame[0] = 1;
      frame[2'047] = 1;
      if (levels == 0) return 0;
      group g;
      return g.spawn([levels] { return use_stack(100 << 10) + descend(levels - 1); }).get() +
             static_cast<unsigned char>(frame[0]);
    }
  };
  test::run([] { recursion::descend(300); });
}

TEST(stacks, libraries_with_large_frames_find_room) {
  test::run([] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([] {
        std::array<char, 1'000> text{};
        std::snprintf(text.data(), text.size(), "%.100Lf %.300e", 1.0L / 3, 1e300);
        EXPECT_EQ(std::string(text.data()).rfind("0.3333333", 0), 0U);
        addrinfo* found = nullptr;
        ASSERT_EQ(::getaddrinfo("127.0.0.1", "80", nullptr, &found), 0);
        ::freeaddrinfo(found);
      });
    }
  });
}

TEST(stacks, are_reused) {
  test::run([] {
    auto many = [] {
      group g;
      for (int i = 0; i < 100; ++i) g.spawn([] { sleep_for(100us); });
    };
    many();
    for (int i = 0; i < 3; ++i) many();
    for (int i = 0; i < test::rounds(100); ++i) many();
    const auto after = runtime::current_statistics();
    EXPECT_LE(after.stacks_live, 101 + 513 * test::worker_count()) << "each worker keeps as many as 512 for itself";
    EXPECT_GE(after.fibers_created, after.stacks_live);
  });
}

TEST(stacks, surplus_ones_of_one_worker_serve_others) {
  test::run([] {
    for (int round = 0; round < 5; ++round) {
      group g;
      for (int i = 0; i < 2'000; ++i) {
        g.spawn([] { sleep_for(500us); });
      }
    }
    EXPECT_LE(runtime::current_statistics().stacks_live, 4'000U + 1'024 * test::worker_count());
  });
}

// ---------------------------------------------------------------------------------------------- overflow

[[gnu::noinline]] int recurse_for_ever(int depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(depth);
  frame[511] = frame[0];
  return depth < 0 ? 0 : recurse_for_ever(depth + 1) + frame[511];
}

TEST(stacks_death, an_overflow_names_the_fiber_its_spawn_site_and_the_remedy) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(test::run([] {
                 group g;
                 auto t = g.spawn([] { return recurse_for_ever(0); }, {.name = "deep one"});
                 (void)t.wait_for(1h);
               }),
               "stack overflow in fiber 'deep one' \\(spawned at .*stacks_test.cpp:[0-9]+\\): it has used all of its "
               "240 KiB.\n.*"
               "options::stack_size");
}

TEST(stacks_death, an_overflow_of_the_root_function_is_named_too) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(test::run([] { recurse_for_ever(0); }), "stack overflow in fiber 'root' \\(spawned at ");
}

TEST(stacks_death, other_faults_are_not_called_overflow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto fault = [] {
    test::run([] {
      volatile int* nowhere = nullptr;
      *nowhere = 1;
    });
  };
  EXPECT_DEATH(
      {
        // A handler that was there before gets what is no overflow.
        struct sigaction action = {};
        action.sa_handler = [](int) {
          constexpr char text[] = "the old handler\n";
          (void)!::write(STDERR_FILENO, text, sizeof text - 1);
          ::_exit(3);
        };
        ::sigaction(SIGSEGV, &action, nullptr);
        fault();
      },
      "^the old handler");
}

// ---------------------------------------------------------------------------------------------- exhaustion

TEST(stacks, without_room_for_any_run_throws) {
  options o = test::test_options();
  o.stack_size = std::size_t{1} << 46;
  runtime rt(o);
  for (int i = 0; i < 3; ++i) {
    try {
      rt.run([] { ADD_FAILURE(); });
      ADD_FAILURE();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::not_enough_memory);
      EXPECT_NE(std::string(e.what()).find("no stack for another fiber"), std::string::npos) << e.what();
    }
  }
}

// Parks tasks until there are no more stacks, in a process whose address space is limited; 0 if all went as it should. Tasks that find no
// stack wait as long as their worker has other work, and fail when it has none.
int exhaust_stacks(bool fail_fast) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max =
      pages * 4'096 + (std::size_t{600 + 80 * test::worker_count()} << 20);  // a worker's arena and stack
  ::setrlimit(RLIMIT_AS, &limit);
  options o = test::test_options();
  o.stack_size = 1 << 20;
  int outcome = 1;
  weft::run(o, [&] {
    std::atomic<int> begun{0};
    test::gate go_on;
    std::vector<task<void>> handles;
    std::optional<group> g;
    if (fail_fast) {
      g.emplace();
    } else {
      g.emplace(supervise);
    }
    for (int i = 0; i < 2'000; ++i) {
      handles.push_back(g->spawn([&] {
        begun.fetch_add(1);
        go_on.pass();
      }));
    }
    if (!fail_fast) {
      auto refused = [&] { return std::count_if(handles.begin(), handles.end(), [](auto& t) { return t.done(); }); };
      while (begun.load() + refused() < 2'000) sleep_for(100us);
      go_on.open();
    }
    try {
      g->join();
    } catch (const group_error& e) {
      const auto* error = e.find<std::system_error>();
      if (error != nullptr && error->code() == std::errc::not_enough_memory && begun.load() > 100) outcome = 0;
    }
    try {
      g.reset();
    } catch (const group_error&) {
      outcome = 2;
    }
    try {  // what has ended left its stacks, maybe to another worker than the one that needs one
      group again;
      if (again.spawn([] { return 1; }).get() != 1) outcome = 3;
    } catch (const std::system_error& e) {
      if (test::worker_count() == 1 || e.code() != std::errc::not_enough_memory) outcome = 4;
    }
  });
  return outcome;
}

TEST(stacks_death, running_out_of_them_fails_the_group_and_not_the_program) {
  if (test::sanitized) return;  // sanitizers need the address space
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(::_exit(exhaust_stacks(true)), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(::_exit(exhaust_stacks(false)), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft
