// What is the epoll engine's own: which file a number stands for, when the kernel is told what, helper threads and their signal.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include <weft/io/epoll/epoll_engine.hpp>

#include "io_support.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using epoll_test = io_test;
using clock = std::chrono::steady_clock;

template <class F>
void run_on_epoll(F&& f) {
  options o = weft::test::test_options();
  o.io = "epoll";
  weft::run(o, f);
}

bool is_set_not_to_block(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

// Runs f on a task until it has started an operation, then runs `then`, and joins.
template <class F, class Then>
void while_waiting(F&& f, Then&& then) {
  const std::uint64_t before = operations();
  group g;
  g.spawn([&] { f(); });
  yield_until([&] { return operations() > before; });
  then(g);
  g.join();
}

std::array<int, 2> raw_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return ends;
}

void close_both(const std::array<int, 2>& ends) {
  for (const int fd : ends) ::close(fd);
}

std::size_t read_one(int fd) {
  std::array<std::byte, 8> bytes{};
  return weft::io::read(fd, bytes);
}

// Nobody tells the engine that a plain descriptor was closed: the next file of that number must be waited for all the same.
TEST_F(epoll_test, a_number_that_is_used_again_is_another_file) {
  run_on_epoll([] {
    for (int round = 0; round < 50; ++round) {
      const auto ends = raw_pipe();
      while_waiting([&] { EXPECT_EQ(read_one(ends[0]), 1U); }, [&](group&) { EXPECT_EQ(::write(ends[1], "x", 1), 1); });
      while_waiting([&] { read_one(ends[0]); }, [](group& g) { g.cancel(); });
      close_both(ends);
    }
  });
}

// The same where another descriptor keeps the file open: the kernel goes on reporting it under the old number.
TEST_F(epoll_test, a_file_that_others_keep_open_is_not_taken_for_the_next) {
  run_on_epoll([] {
    std::vector<int> kept;
    for (int round = 0; round < 20; ++round) {
      auto [reader, writer] = make_pipe();
      kept.push_back(::dup(reader.native_handle()));
      std::array<std::byte, 1> byte{};
      while_waiting([&reader, &byte] { EXPECT_EQ(reader.read_some(byte), 1U); },
                    [&writer](group&) { writer.write_all("x"); });
      reader.close();
      writer.write_all("for nobody");
    }
    for (const int fd : kept) ::close(fd);
  });
}

detail::operation& prepared(detail::operation& op, detail::engine& e, std::uint64_t identity) {
  op.identity = identity;
  op.flags = POLLIN;
  op.prepare({}, e);
  return op;
}

// Waits until the limit and says how often it was woken before it.
int wakes_until(detail::engine& e, clock::time_point limit) {
  int wakes = 0;
  for (; clock::now() < limit; ++wakes) e.wait(limit);
  return wakes;
}

TEST_F(epoll_test, a_file_that_can_no_longer_be_named_does_not_keep_the_worker_awake) {
  epoll::epoll_engine e(0);
  const auto stranger = raw_pipe();
  const auto other = raw_pipe();
  detail::operation first(detail::opcode::poll, stranger[0]);
  detail::operation waiting(detail::opcode::poll, other[0]);
  e.start(prepared(first, e, 1));
  e.start(prepared(waiting, e, 2));
  EXPECT_EQ(::write(stranger[1], "x", 1), 1);
  while (!first.is_finished()) e.wait(clock::time_point::max());
  const int copy = ::dup(stranger[0]);
  ::close(stranger[0]);
  EXPECT_LT(wakes_until(e, clock::now() + 20ms), 10);
  EXPECT_FALSE(waiting.is_finished());
  EXPECT_EQ(::write(other[1], "x", 1), 1);
  while (!waiting.is_finished()) e.wait(clock::time_point::max());
  EXPECT_EQ(waiting.result, POLLIN);
  ::close(copy);
  ::close(stranger[1]);
  close_both(other);
}

// Data that nobody wants yet is told once, and again to who comes for it.
TEST_F(epoll_test, what_nobody_waits_for_does_not_keep_the_worker_awake) {
  for (const std::uint64_t identity : {0U, 7U}) {
    epoll::epoll_engine e(0);
    const auto ends = raw_pipe();
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    for (int round = 0; round < 3; ++round) {
      detail::operation op(detail::opcode::poll, ends[0]);
      e.start(prepared(op, e, identity));
      while (!op.is_finished()) e.wait(clock::time_point::max());
      EXPECT_EQ(op.result, POLLIN);
      EXPECT_LT(wakes_until(e, clock::now() + 5ms), 10);
    }
    close_both(ends);
  }
}

// An error queue keeps EPOLLERR set although a receive finds nothing.
TEST_F(epoll_test, an_error_that_no_call_takes_away_does_not_keep_the_worker_awake) {
  epoll::epoll_engine e(0);
  connection c = weft::test::run([] { return connect_pair(); });
  const int on = 1;
  const int fd = c.client.native_handle();
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on), 0);
  std::vector<std::byte> data(20'000);
  ASSERT_GT(::send(fd, data.data(), data.size(), MSG_ZEROCOPY | MSG_DONTWAIT), 0);
  pollfd look{.fd = fd, .events = 0, .revents = 0};
  while ((look.revents & POLLERR) == 0) ASSERT_GE(::poll(&look, 1, 1'000), 0);
  std::array<std::byte, 8> bytes{};
  detail::operation op(detail::opcode::receive, fd);
  op.data = bytes.data();
  op.size = bytes.size();
  e.start((prepared(op, e, 9), op.flags = 0, op));
  EXPECT_LT(wakes_until(e, clock::now() + 10ms), 10);
  EXPECT_FALSE(op.is_finished());
  ASSERT_EQ(::send(c.server.native_handle(), "answer", 6, 0), 6);
  while (!op.is_finished()) e.wait(clock::time_point::max());
  EXPECT_EQ(op.result, 6);
}

TEST_F(epoll_test, descriptors_that_others_may_share_stay_in_blocking_mode) {
  run_on_epoll([] {
    connection c = connect_pair();
    const auto ends = raw_pipe();
    const int shared_listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::listen(shared_listener, 5), 0);
    std::array<std::byte, 8> bytes{};
    while_waiting([&] { EXPECT_EQ(c.client.read_some(bytes), 1U); }, [&](group&) { c.server.write_all("x"); });
    while_waiting([&] { EXPECT_EQ(read_one(ends[0]), 1U); }, [&](group&) { EXPECT_EQ(::write(ends[1], "x", 1), 1); });
    while_waiting([&] { (void)weft::io::accept(shared_listener); }, [](group& g) { g.cancel(); });
    for (const int fd : {c.client.native_handle(), c.server.native_handle(), ends[0], ends[1], shared_listener}) {
      EXPECT_FALSE(is_set_not_to_block(fd));
    }
    ::close(shared_listener);
    close_both(ends);
  });
}

// In blocking mode, so that two who see the same connection would block if they accepted themselves.
TEST_F(epoll_test, many_accept_on_a_plain_listener_and_no_worker_blocks) {
  run_on_epoll([] {
    constexpr int connections = 30;
    const tcp_listener listener{"127.0.0.1:0"};
    const int fd = ::dup(listener.native_handle());
    std::atomic<int> accepted{0};
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        for (;;) {
          ::close(weft::io::accept(fd));
          ++accepted;
        }
      });
    }
    for (int i = 0; i < connections; ++i) {
      const tcp_stream s = tcp_stream::connect(listener.local_address());
      yield_until([&] { return accepted > i; });
    }
    g.cancel();
    g.join();
    ::close(fd);
  });
}

// One reads while another writes; each direction's end leaves the other alone.
TEST_F(epoll_test, both_directions_of_a_connection_wait_at_once) {
  run_on_epoll([] {
    connection c = connect_pair();
    constexpr std::size_t size = 4 << 20;
    std::array<std::byte, 8> bytes{};
    std::uint64_t received = 0;
    group g;
    g.spawn([&] { c.client.write_all(make_pattern(1, 0, size)); });
    const std::uint64_t before = operations();
    g.spawn([&] { EXPECT_EQ(c.client.read_some(bytes), 0U) << "the peer ends its side while we still write"; });
    yield_until([&] { return operations() > before; });
    c.server.shutdown_write();
    std::vector<std::byte> part(100'000);
    while (received < size) {
      const std::size_t n = c.server.read_some(part);
      ASSERT_EQ(matching(std::span(part).first(n), 1, received), n);
      received += n;
    }
  });
}

// The kernel gives the error to the first who comes; to the other a reset connection has merely ended.
TEST_F(epoll_test, a_reset_wakes_both_directions) {
  run_on_epoll([] {
    connection c = connect_pair();
    std::atomic<int> ended{0};
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      std::array<std::byte, 8> bytes{};
      try {
        EXPECT_EQ(c.client.read_some(bytes), 0U);
      } catch (const std::system_error& e) {
        EXPECT_EQ(e.code().value(), ECONNRESET);
      }
      ++ended;
    });
    g.spawn([&] {
      error_of([&] { c.client.write_all(make_pattern(1, 0, 16 << 20)); });
      ++ended;
    });
    yield_until([&] { return operations() >= before + 2; });
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(c.server.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    c.server.close();
    g.join();
    EXPECT_EQ(ended, 2);
  });
}

// ---- helper threads

std::atomic<int> urgent_signals{0};

TEST_F(epoll_test, the_signal_that_interrupts_helpers_stays_usable) {
  struct sigaction mine = {};
  mine.sa_handler = [](int) { urgent_signals.fetch_add(1); };
  struct sigaction before = {};
  ASSERT_EQ(::sigaction(SIGRTMAX - 3, &mine, &before), 0);
  run_on_epoll([] {
    const temporary_folder folder;
    const std::string name = (folder / "fifo").string();
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    for (int i = 0; i < 20; ++i) {
      EXPECT_THROW(with_deadline(1ms, [&name] { file{name}; }), timeout_error);
    }
  });
  EXPECT_EQ(urgent_signals, 0) << "ours are not passed on";
  ::raise(SIGRTMAX - 3);
  EXPECT_EQ(urgent_signals, 1) << "others' are";
  ::sigaction(SIGRTMAX - 3, &before, nullptr);
}

}  // namespace
}  // namespace weft::io::test
