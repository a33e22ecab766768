// Random operations, sizes, limits and cancellations from a seed; each stream's bytes are counted and compared, so that one byte
// lost, doubled or written into a buffer that was given back fails the test. WEFT_TEST_SEED repeats a run.
#include "io_support.hpp"

#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <random>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;

constexpr int pairs = 10;
constexpr int operations_per_pair = 1'000;
constexpr std::byte poison{0x5A};

std::uint64_t seed() {
  if (const char* given = std::getenv("WEFT_TEST_SEED")) return std::stoull(given);
  return std::random_device{}();
}

class chance {
 public:
  explicit chance(std::uint64_t s) : random_(s) {}
  std::size_t upto(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }
  bool one_in(std::size_t n) { return upto(n - 1) == 0; }

 private:
  std::mt19937_64 random_;
};

// Runs f plainly, under a limit so short that it often strikes, or as a task that is cancelled at some moment. What f does counts if
// it returned; if it was cut short it has done nothing.
template <class F>
void run_somehow(chance& c, F&& f) {
  switch (c.upto(3)) {
    case 0:
      f();
      return;
    case 1:
    case 2:
      try {
        with_deadline(std::chrono::microseconds(c.upto(300)), f);
      } catch (const timeout_error&) {
      }
      return;
    default:
      const std::size_t patience = c.upto(5);  // from here on the task has the dice
      group g;
      g.spawn([&] { f(); });
      for (std::size_t i = 0; i < patience; ++i) weft::yield();
      g.cancel();
      g.join();
  }
}

// The two ends of a pipe or of a connection.
struct link {
  pipe_reader pipe_in;
  pipe_writer pipe_out;
  connection tcp;
  bool is_pipe = false;

  explicit link(bool pipe) : is_pipe(pipe) {
    if (pipe) {
      std::tie(pipe_in, pipe_out) = make_pipe();
    } else {
      tcp = connect_pair();
    }
  }
  std::size_t read(std::span<std::byte> b) { return is_pipe ? pipe_in.read_some(b) : tcp.client.read_some(b); }
  std::size_t write(std::span<const std::byte> b) {
    return is_pipe ? pipe_out.write_some(b) : tcp.server.write_some(b);
  }
  void end() { is_pipe ? pipe_out.close() : tcp.server.close(); }
};

void send_randomly(link& l, std::uint64_t stream, chance c, std::uint64_t& sent) {
  for (int i = 0; i < operations_per_pair / 2; ++i) {
    run_somehow(c, [&] { sent += l.write(make_pattern(stream, sent, 1 + c.upto(c.one_in(5) ? 100'000 : 300))); });
    if (c.one_in(10)) weft::sleep_for(std::chrono::microseconds(c.upto(200)));
  }
  l.end();
}

void receive_randomly(link& l, std::uint64_t stream, chance c, std::uint64_t& received) {
  bool ended = false;
  while (!ended) {
    std::vector<std::byte> bytes(1 + c.upto(c.one_in(5) ? 100'000 : 300), poison);
    std::size_t n = 0;
    run_somehow(c, [&] {
      n = l.read(bytes);
      ended = n == 0;
    });
    ASSERT_EQ(matching(std::span(bytes).first(n), stream, received), n);
    received += n;
    weft::yield();
    for (std::size_t i = n; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], poison);
  }
}

void use_files_randomly(const temporary_folder& folder, chance c) {
  constexpr std::size_t size = 64 << 10;
  file f(folder / std::to_string(c.upto(SIZE_MAX)), open_mode::read_write | open_mode::create);
  f.write_all(make_pattern(99, 0, size));
  for (int i = 0; i < operations_per_pair / 10; ++i) {
    const std::size_t offset = c.upto(size - 1);
    std::vector<std::byte> bytes(1 + c.upto(size - offset - 1));
    std::size_t n = 0;
    run_somehow(c, [&] {
      if (c.one_in(3)) f.write_at(offset, make_pattern(99, offset, bytes.size()));
      n = f.read_at(offset, bytes);
      EXPECT_EQ(n, bytes.size());
    });
    ASSERT_EQ(matching(std::span(bytes).first(n), 99, offset), n);
  }
}

using stress_test = io_test;

TEST_F(stress_test, ten_thousand_random_operations) {
  const std::uint64_t start = seed();
  RecordProperty("seed", std::to_string(start));
  std::printf("seed %llu (repeat with WEFT_TEST_SEED)\n", static_cast<unsigned long long>(start));
  weft::test::run([start] {
    const temporary_folder folder;
    std::vector<std::unique_ptr<link>> links;
    std::array<std::uint64_t, pairs> sent{};
    std::array<std::uint64_t, pairs> received{};
    for (int p = 0; p < pairs; ++p) links.push_back(std::make_unique<link>(p % 2 == 0));
    {
      group g;
      for (std::uint64_t p = 0; p < pairs; ++p) {
        g.spawn([&, p] { send_randomly(*links[p], p, chance(start * 1'000 + p), sent[p]); });
        g.spawn([&, p] { receive_randomly(*links[p], p, chance(start * 1'000 + 100 + p), received[p]); });
        g.spawn([&, p] { use_files_randomly(folder, chance(start * 1'000 + 200 + p)); });
      }
    }
    EXPECT_EQ(sent, received);
  });
}

}  // namespace
}  // namespace weft::io::test
