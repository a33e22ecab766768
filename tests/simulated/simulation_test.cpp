// The simulation itself: it replays, it does what was asked for and nothing else, it goes by the run's clock.
#include "simulated_support.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include <weft/io/unix_socket.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using simulation_test = io_test;

constexpr std::size_t length = 3'000;

void send_through_pipe() {
  auto [reader, writer] = make_pipe();
  group g;
  g.spawn([&writer] {
    writer.write_all(make_pattern(1, 0, length));
    writer.close();
  });
  std::vector<std::byte> bytes(length + 1);
  std::size_t got = 0;
  while (const std::size_t n = reader.read_some(std::span(bytes).subspan(got))) got += n;
  EXPECT_EQ(got, length);
  EXPECT_EQ(matching(std::span(bytes).first(got), 1, 0), got);
}

// Returns how far it came.
std::string talk(tcp_listener& listener) {
  std::string story;
  group g;
  g.spawn([&] {
    try {
      tcp_stream s = listener.accept();
      std::array<std::byte, 100> part;
      while (const std::size_t n = s.read_some(part)) s.write_all(std::span(part).first(n));
    } catch (const std::system_error& e) {
      story += "server: " + e.code().message() + "\n";
      listener.close();  // or the client would wait for ever
    }
  });
  try {
    tcp_stream s = tcp_stream::connect(listener.local_address());
    s.write_all(make_pattern(2, 0, 500));
    s.shutdown_write();
    std::array<std::byte, 100> part;
    std::size_t all = 0;
    while (const std::size_t n = s.read_some(part)) all += n;
    story += "got " + std::to_string(all) + "\n";
  } catch (const std::system_error& e) {
    story += "client: " + e.code().message() + "\n";
  }
  g.cancel();
  g.join();
  return story;
}

TEST_F(simulation_test, a_seed_replays_schedule_and_faults) {
  const auto run = [](std::uint64_t seed) {
    std::string story;
    simulated_io world(everything);
    const auto report = weft::testing::run({.seed = seed, .world = &world}, [&story] {
      auto [one, other] = make_socket_pair();
      group g;
      g.spawn([&story, &one] {
        try {
          for (int i = 0; i < 20; ++i) one.write_all(make_pattern(1, 0, 100));
          one.close();
        } catch (const std::system_error& e) {
          story += e.what();
        }
      });
      std::array<std::byte, 100> part;
      try {
        while (const std::size_t n = other.read_some(part)) story += std::to_string(n) + " ";
      } catch (const std::system_error& e) {
        story += e.what();
      }
    });
    return std::pair(report.trace, story);
  };
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto first = run(seed);
    EXPECT_EQ(first, run(seed)) << "seed " << seed;
  }
  EXPECT_NE(run(1), run(2));
}

// What a world has been through before does not matter.
TEST_F(simulation_test, a_schedule_does_not_depend_on_those_before_it) {
  simulated_io used;
  weft::testing::explore({.seed = 1, .schedules = 6, .world = &used}, send_through_pipe);
  const auto later = weft::testing::run({.seed = 7, .world = &used}, send_through_pipe);
  simulated_io fresh;
  const auto alone = weft::testing::run({.seed = 7, .world = &fresh}, send_through_pipe);
  EXPECT_EQ(later.trace, alone.trace);
  EXPECT_EQ(later.switches, alone.switches);
}

TEST_F(simulation_test, what_is_on_by_default_is_not_noticed) {
  const fault_counts n = explore({}, 500, send_through_pipe);
  EXPECT_GT(n.operations, schedules(500));
  EXPECT_GT(n.waits, 0U);
  EXPECT_GT(n.short_counts, 0U);
  EXPECT_GT(n.interruptions, 0U);
  EXPECT_GT(n.delays, 0U);
  EXPECT_EQ(n.resets + n.refusals + n.shortages + n.broken, 0U);
}

TEST_F(simulation_test, nothing_happens_that_is_turned_off) {
  const fault_counts n =
      explore({.waits = 0, .short_counts = 0, .interruptions = 0, .delays = 0}, 50, send_through_pipe);
  EXPECT_EQ(n.waits + n.short_counts + n.interruptions + n.delays, 0U);
}

TEST_F(simulation_test, errors_come_if_they_are_asked_for) {
  std::set<std::string> stories;
  const fault_counts n = explore_all(everything, 500, [&stories] {  // as many as show each error
    try {
      tcp_listener listener{"127.0.0.1:0"};
      stories.insert(talk(listener));
    } catch (const std::system_error& e) {
      stories.insert(e.code().message());
    }
  });
  EXPECT_GT(n.resets, 0U);
  EXPECT_GT(n.refusals, 0U);
  EXPECT_GT(n.shortages, 0U);
  const auto told = [&stories](std::string_view what) {
    return std::ranges::any_of(stories, [what](const std::string& s) { return s.find(what) != std::string::npos; });
  };
  EXPECT_TRUE(told("got 500"));
  for (const int error : {ECONNRESET, EPIPE, ECONNREFUSED, EMFILE, ENOMEM}) {
    EXPECT_TRUE(told(std::generic_category().message(error))) << error;
  }
}

TEST_F(simulation_test, a_disk_may_be_full) {
  const temporary_folder folder;
  const std::string name = (folder / "file").string();
  int failed = 0;
  int whole = 0;
  const fault_counts n = explore({.broken = 4}, 300, [&] {
    try {
      file f(name, open_mode::write | open_mode::create);
      f.write_all(make_pattern(1, 0, 10'000));
      f.sync();
      f.close();
      ++whole;
    } catch (const std::system_error& e) {
      ++failed;
      EXPECT_TRUE(e.code().value() == EIO || e.code().value() == ENOSPC || e.code().value() == EDQUOT) << e.what();
    }
  });
  EXPECT_GT(n.broken, 0U);
  EXPECT_GT(failed, 0);
  EXPECT_GT(whole, 0);
}

TEST_F(simulation_test, delays_pass_on_the_runs_clock) {
  bool any = false;
  const auto begin = std::chrono::steady_clock::now();
  explore({.delays = 1, .longest_delay = 1h}, 50, [&any] {
    auto [reader, writer] = make_pipe();
    std::array<std::byte, 1> byte{};
    const auto then = weft::testing::now();
    group g;
    g.spawn([&writer] { writer.write_all("x"); });
    EXPECT_EQ(reader.read_some(byte), 1U);
    any |= weft::testing::now() - then > 10min;
  });
  EXPECT_TRUE(any);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10min);
}

TEST_F(simulation_test, a_deadline_may_be_missed_by_a_delay) {
  int missed = 0;
  int kept = 0;
  explore({.delays = 2, .longest_delay = 4s}, 300, [&] {
    auto [reader, writer] = make_pipe();
    writer.write_all("x");
    std::array<std::byte, 1> byte{};
    try {
      with_deadline(1s, [&reader, &byte] { return reader.read_some(byte); });
      ++kept;
    } catch (const timeout_error&) {
      ++missed;
      EXPECT_EQ(reader.read_some(byte), 1U) << "nothing is lost";
    }
  });
  EXPECT_GT(missed, 0);
  EXPECT_GT(kept, 0);
}

TEST_F(simulation_test, limits_of_its_own_go_by_the_runs_clock) {
  explore({.patience = 0ns}, 20, [] {
    auto [reader, writer] = make_pipe();
    std::array<pollfd, 1> what{pollfd{reader.native_handle(), POLLIN, 0}};
    const auto then = weft::testing::now();
    EXPECT_EQ(poll_many(what, then + 1h), 0U);
    EXPECT_GE(weft::testing::now(), then + 1h);
  });
}

// Not even for one that runs alone for long, as what it waits for comes at once.
TEST_F(simulation_test, no_limit_passes_while_an_operation_can_be_done) {
  explore({.longest_delay = 100us}, 300, [] {
    auto [one, other] = make_socket_pair();
    const auto then = weft::testing::now();
    group g;
    g.spawn([] { sleep_for(1h); });
    std::array<std::byte, 1> byte{};
    for (int i = 0; i < 40; ++i) {
      one.write_all(byte);
      EXPECT_TRUE(other.read_exactly(byte));
    }
    EXPECT_LT(weft::testing::now(), then + 1min);
    g.cancel();
  });
}

TEST_F(simulation_test, who_waits_for_ever_is_told) {
  simulated_io world({.silence = 1ms});
  EXPECT_THROW(weft::testing::run({.world = &world},
                                  [] {
                                    auto [reader, writer] = make_pipe();
                                    std::array<std::byte, 1> byte{};
                                    reader.read_some(byte);
                                  }),
               weft::testing::stuck_error);
}

TEST_F(simulation_test, named_pipes_are_refused) {
  const temporary_folder folder;
  const std::string name = (folder / "fifo").string();
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
  explore({}, 5, [&] { EXPECT_EQ(error_of([&] { file f(name); }).code().value(), ENOTSUP); });
}

// Helper threads and other threads of the program are not interfered with, and are waited for.
TEST_F(simulation_test, what_is_outside_is_waited_for) {
  explore(everything, 20, [] {
    auto [reader, writer] = make_pipe();
    std::thread other([&writer] {
      std::array<std::byte, 1> byte{};
      EXPECT_EQ(::write(writer.native_handle(), byte.data(), 1), 1);
    });
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(reader.read_some(byte), 1U);
    other.join();
    EXPECT_EQ(blocking([&writer] { return ::write(writer.native_handle(), "abc", 3); }), 3);
  });
}

TEST_F(simulation_test, a_world_serves_one_run_at_a_time) {
  simulated_io world;
  weft::testing::run({.world = &world}, [&world] { EXPECT_THROW((void)world.make_driver(), std::logic_error); });
}

}  // namespace
}  // namespace weft::io::test
