// Peers in other processes that stall and die.
#include "faults_support.hpp"

#include <weft/io/buffered.hpp>
#include <weft/io/process.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using peer_test = io_test;

// cat, behind a TCP connection.
struct echoing_process {
  tcp_stream connection_to;
  process child;

  echoing_process() {
    connection c = connect_pair();
    connection_to = std::move(c.client);
    child = process({"cat"}, {.input = c.server.native_handle(), .output = c.server.native_handle()});
  }
};

TEST_F(peer_test, a_peer_that_is_killed_while_we_read) {
  weft::test::run([] {
    echoing_process peer;
    std::array<std::byte, 5> bytes{};
    peer.connection_to.write_all("hello");
    EXPECT_TRUE(peer.connection_to.read_exactly(bytes));
    group g;
    const std::uint64_t before = operations();
    g.spawn([&] { EXPECT_EQ(peer.connection_to.read_some(bytes), 0U) << "the kernel ends what it has left"; });
    yield_until([&] { return operations() > before; });
    peer.child.kill(SIGKILL);
    EXPECT_EQ(peer.child.wait().signal(), SIGKILL);
    g.join();
    EXPECT_THROW(
        {
          for (;;) peer.connection_to.write_all("is there anybody?");
        },
        std::system_error);
  });
}

// A peer that does not read any more is waited for as long as the deadline says; dead with bytes unread, it resets.
TEST_F(peer_test, a_peer_that_stalls_and_is_killed_while_we_write) {
  weft::test::run([] {
    echoing_process peer;
    peer.child.kill(SIGSTOP);
    const std::vector<std::byte> data = make_pattern(1, 0, 100'000);
    EXPECT_THROW(with_deadline(20ms,
                               [&] {
                                 for (;;) peer.connection_to.write_all(data);
                               }),
                 timeout_error);
    group g;
    const std::uint64_t before = operations();
    g.spawn([&] {
      const std::system_error e = error_of([&] {
        for (;;) peer.connection_to.write_all(data);
      });
      EXPECT_TRUE(e.code().value() == ECONNRESET || e.code().value() == EPIPE) << e.what();
    });
    yield_until([&] { return operations() > before; });
    peer.child.kill(SIGKILL);
    EXPECT_EQ(peer.child.wait().signal(), SIGKILL);
  });
}

TEST_F(peer_test, the_reader_of_a_full_pipe_is_killed) {
  const ignored_signal quiet(SIGPIPE);
  weft::test::run([] {
    process child({"sleep", "1000"}, {.input = piped});
    group g;
    const std::uint64_t before = operations();
    g.spawn([&child] {
      const std::system_error e = error_of([&child] {
        for (;;) child.input().write_all(make_pattern(1, 0, 10'000));
      });
      EXPECT_EQ(e.code().value(), EPIPE) << e.what();
    });
    yield_until([&] { return operations() > before; });
    child.kill(SIGKILL);
    EXPECT_EQ(child.wait().signal(), SIGKILL);
  });
}

TEST_F(peer_test, the_writer_of_a_pipe_is_killed_in_a_line) {
  weft::test::run([] {
    process child({"sh", "-c", "echo whole; printf half; exec sleep 1000"}, {.output = piped});
    buffered_reader lines(child.output());
    EXPECT_EQ(lines.read_line(), "whole");
    while (lines.peek(4).size() < 4) {
    }
    child.kill(SIGKILL);
    EXPECT_EQ(lines.read_line(), "half") << "a last line need not have an end";
    EXPECT_EQ(lines.read_line(), std::nullopt);
    EXPECT_EQ(child.wait().signal(), SIGKILL);
  });
}

}  // namespace
}  // namespace weft::io::test
