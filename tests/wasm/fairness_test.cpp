// Many guests that compute for ever, and what has to be done beside them.
#include "wasm_support.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <utility>

#include <weft/io/descriptor.hpp>

namespace weft::wasm::test {
namespace {

constexpr const char* endless = R"((module (func (export "_start") (loop $l (br $l)))))";
// Tells all the time that it has a turn.
constexpr const char* telling = R"((module (import "app" "here" (func $here (param i32)))
  (func (export "spin") (param i32) (loop $l (call $here (local.get 0)) (br $l)))))";

// With WEFT_TESTING_LONG a thousand.
int guest_count() { return std::getenv("WEFT_TESTING_LONG") != nullptr ? 1000 : 24; }

// Both ends of a connection.
struct connection {
  connection() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0); }
  ~connection() {
    for (const int fd : ends) ::close(fd);
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  std::array<int, 2> ends{-1, -1};
};

void echo_until_the_end(int fd) {
  std::array<std::byte, 64> buffer{};
  for (;;) {
    std::error_code error;
    const std::size_t n = io::read(fd, std::span(buffer), error);
    if (n == 0 || error) return;
    io::write(fd, std::span<const std::byte>(buffer).first(n), error);
  }
}

// What guests tell of their turns. How many others have one while a guest is ready is a matter of the queue alone. Where the system stops a
// worker's thread at the wrong moment there are more, but that moment is a hundredth of a turn.
class turns {
 public:
  explicit turns(std::size_t guests) : guests_(guests) {}

  // Of a guest, in its turn.
  void tell(std::size_t who) {
    each& mine = guests_[who];
    if (std::exchange(latest_of_this_thread(), &mine) != &mine) mine.begin(++begun_ - 1, 2 * guests_.size());
    spin_for(std::chrono::microseconds(20));  // so that slices end after this function, and not before
    mine.seen = begun_;
  }
  [[nodiscard]] bool all_have_had(std::uint64_t count) const {
    return std::ranges::all_of(guests_, [=](const each& g) { return g.begun >= count; });
  }
  // Once the guests have ended: turns of others between two of one guest, the most of all; and how many turns came after more than two rounds.
  [[nodiscard]] std::uint64_t most_others() const {
    return std::ranges::max_element(guests_, {}, &each::most_others)->most_others;
  }
  [[nodiscard]] std::uint64_t late() const {
    return std::accumulate(guests_.begin(), guests_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const each& g) { return sum + g.late; });
  }
  [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }

 private:
  struct each {  // of one guest; written in its turns only
    void begin(std::uint64_t now, std::uint64_t soon_enough) {
      if (begun.fetch_add(1) == 0) return;
      most_others = std::max(most_others, now - seen);
      if (now - seen > soon_enough) ++late;
    }
    std::atomic<std::uint64_t> begun{0};
    std::uint64_t seen = 0;  // turns of all, when it last had one
    std::uint64_t most_others = 0;
    std::uint64_t late = 0;
  };
  [[gnu::noinline]] static const each*& latest_of_this_thread() {
    static thread_local const each* latest = nullptr;
    return latest;
  }
  static void spin_for(std::chrono::microseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
  }

  std::vector<each> guests_;
  std::atomic<std::uint64_t> begun_{0};
};

template <class T>
std::string range_of(const std::vector<guest_statistics>& all, T guest_statistics::* what, auto as_number) {
  const auto [least, most] = std::ranges::minmax_element(all, {}, what);
  return std::to_string(as_number(*least.*what)) + " to " + std::to_string(as_number(*most.*what));
}

TEST(fairness_test, many_endless_guests_leave_room_and_share_the_rest) {
  weft::test::run([] {
    const auto guests = static_cast<std::size_t>(guest_count());
    turns had(guests);
    host_functions host;
    host.add_immediate("app", "here", [&](int who) { had.tell(static_cast<std::size_t>(who)); });
    const wasm::module m = assemble_module(telling);
    std::vector<guest_statistics> got(guests);
    group hogs;
    for (std::size_t i = 0; i < guests; ++i) {
      hogs.spawn([&, i] {
        guest g(m, {.measure_cpu_time = true, .functions = host});
        try {
          g.call<void(int)>("spin", static_cast<int>(i));
        } catch (const cancelled&) {
          got[i] = g.statistics();
          throw;
        }
      });
    }
    connection line;
    group server;
    server.spawn([&] { echo_until_the_end(line.ends[0]); });
    std::atomic<int> ticks{0};
    group ticker;
    ticker.spawn([&] {
      for (; ticks < 20; ++ticks) weft::sleep_for(std::chrono::milliseconds(1));
    });
    for (int i = 0; i < 5; ++i) {
      write_text(line.ends[1], "ping\n");
      EXPECT_EQ(read_until(line.ends[1], "\n"), "ping\n");
    }
    ticker.join();
    EXPECT_EQ(ticks, 20);
    while (!had.all_have_had(8)) weft::sleep_for(std::chrono::milliseconds(1));
    ::shutdown(line.ends[1], SHUT_RDWR);
    server.join();
    hogs.cancel();
    hogs.join();
    EXPECT_LE(10 * had.late(), had.begun()) << had.late() << " late turns of " << had.begun();
    const std::string slices = range_of(got, &guest_statistics::slices, [](std::uint64_t n) { return n; });
    const std::string cpu_time =
        range_of(got, &guest_statistics::cpu_time, [](auto time) { return time / std::chrono::microseconds(1); });
    std::printf("%zu guests: %s slices, %s us of CPU; at most %llu turns of others between two of one\n", guests,
                slices.c_str(), cpu_time.c_str(), static_cast<unsigned long long>(had.most_others()));
    RecordProperty("slices", slices);
    RecordProperty("cpu_time_us", cpu_time);
  });
}

// On one worker, where nothing but the order of the queue decides (without a monitor, which would put a second beside it when the system
// keeps its thread waiting): a turn of difference as the round is under way when it ends,
// and one as those whose slice is over are looked at now and then while others have not begun.
TEST(fairness_test, endless_guests_have_turns_one_after_another) {
  options alone = weft::test::options_without_spares();
  alone.workers = 1;
  weft::run(alone, [] {
    constexpr std::size_t guests = 24;
    std::array<std::uint64_t, guests> slices{};
    std::size_t turns = 0;
    int latest = -1;
    host_functions host;
    host.add_immediate("app", "here", [&](int who) {
      if (std::exchange(latest, who) != who) ++turns;
    });
    const wasm::module m = assemble_module(telling);
    group hogs;
    for (std::size_t i = 0; i < guests; ++i) {
      hogs.spawn([&, i] {
        guest g(m, {.functions = host});
        try {
          g.call<void(int)>("spin", static_cast<int>(i));
        } catch (const cancelled&) {
          slices[i] = g.statistics().slices;
          throw;
        }
      });
    }
    while (turns < 8 * guests) weft::sleep_for(std::chrono::milliseconds(1));
    hogs.cancel();
    hogs.join();
    const auto [least, most] = std::minmax_element(slices.begin(), slices.end());
    EXPECT_GE(*least, 5U);
    EXPECT_LE(*most - *least, 2U);
  });
}

// From the moment that a guest is told to end until nothing of it is left, whatever it does.
TEST(fairness_test, cancelled_guests_are_gone_whatever_they_do) {
  weft::test::run([] {
    const auto measure = [](const char* what, std::size_t times, auto&& body) {
      std::vector<double> latencies;
      for (std::size_t i = 0; i < times; ++i) {
        group g;
        g.spawn([&] { body(); });
        weft::sleep_for(std::chrono::microseconds(2000 + 70 * i));
        const auto told = std::chrono::steady_clock::now();
        g.cancel();
        g.join();
        latencies.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - told).count());
      }
      std::sort(latencies.begin(), latencies.end());
      std::printf("cancelled while %s: median %.2f ms, worst of %zu %.2f ms\n", what, latencies[times / 2], times,
                  latencies.back());
    };
    raw_pipe silent;
    const wasm::module endless_module = assemble_module(endless);
    measure("computing", 20, [&] { guest(endless_module).run(); });
    measure("sleeping", 20, [] { run_tool({"sleep", "3600000"}); });
    measure("reading", 20, [&] {
      guest(load("tool"), {.arguments = {"cat"}, .input = stdio::descriptor(silent.reader()), .output = stdio::null()})
          .run();
    });
    host_functions host;
    host.add("app", "wait", [] { weft::sleep_for(std::chrono::hours(1)); });
    const wasm::module calls =
        assemble_module(R"((module (import "app" "wait" (func $wait)) (func (export "_start") (call $wait))))");
    measure("in a host call", 20, [&] { guest(calls, {.functions = host}).run(); });
    // Compiled anew each time, and large enough to take long.
    std::string body;
    for (int i = 0; i < 600; ++i) {
      body +=
          "(func (param i32) (result i32) (local i32) (loop $l (local.set 1 (i32.add (local.get 1) (i32.mul "
          "(local.get 0) (i32.const " +
          std::to_string(i) + ")))) (br_if $l (i32.lt_u (local.get 1) (i32.const 99)))) (local.get 1))\n";
    }
    const std::vector<std::byte> large = assemble("(module " + body + ")");
    engine fresh{{.memory = allocation::on_demand, .cache_directory = std::filesystem::path()}};
    measure("compiling", 4, [&] { static_cast<void>(fresh.compile(large, "large.wasm")); });
  });
}

}  // namespace
}  // namespace weft::wasm::test
