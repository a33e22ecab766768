// Cancellation reaches every wait, the wait ends with the operation, and nothing is lost.
#include "io_support.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using cancel_test = io_test;

constexpr std::byte poison{0xA5};

// Runs f on a task, cancels it once it has started an operation, and awaits its end; true if f threw `cancelled`.
template <class F>
bool cancel_when_waiting(F&& f) {
  const std::uint64_t before = operations();
  bool was_cancelled = false;
  group g;
  g.spawn([&] {
    try {
      f();
    } catch (const cancelled& c) {
      EXPECT_EQ(c.reason(), cancel_reason::requested);
      was_cancelled = true;
      throw;
    }
  });
  const std::uint64_t wanted = before + 1;
  while (operations() < wanted) weft::yield();
  g.cancel();
  g.join();
  return was_cancelled;
}

// Cancels a reader of `read_end`, then writes: the bytes must be for the next reader, and the first buffer untouched.
template <class Reader, class Writer>
void check_that_nothing_is_lost(Reader& read_end, Writer& write_end) {
  std::array<std::byte, 64> first{};
  first.fill(poison);
  EXPECT_TRUE(cancel_when_waiting([&] { read_end.read_some(first); }));
  write_end.write_all("for the next");
  std::array<std::byte, 64> next{};
  ASSERT_EQ(read_end.read_some(next), 12U);
  EXPECT_EQ(text_of(std::span(next).first(12)), "for the next");
  EXPECT_TRUE(std::all_of(first.begin(), first.end(), [](std::byte b) { return b == poison; }));
}

TEST_F(cancel_test, a_reader_of_a_pipe) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    for (int i = 0; i < 50; ++i) check_that_nothing_is_lost(reader, writer);
  });
}

TEST_F(cancel_test, a_reader_of_a_connection) {
  weft::test::run([] {
    connection c = connect_pair();
    for (int i = 0; i < 50; ++i) check_that_nothing_is_lost(c.client, c.server);
  });
}

TEST_F(cancel_test, a_writer_to_a_full_pipe) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    std::uint64_t place = 0;
    EXPECT_TRUE(cancel_when_waiting([&writer, &place] {
      for (;;) place += writer.write_some(make_pattern(5, place, 5'000));
    }));
    writer.close();
    std::vector<std::byte> bytes(10'000);
    std::uint64_t got = 0;
    while (const std::size_t n = reader.read_some(bytes)) {
      ASSERT_EQ(matching(std::span(bytes).first(n), 5, got), n);
      got += n;
    }
    EXPECT_EQ(got, place) << "what write_some reported is what arrived";
  });
}

TEST_F(cancel_test, one_who_accepts) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.1:0"};
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(cancel_when_waiting([&] { (void)listener.accept(); }));
      tcp_stream client = tcp_stream::connect(listener.local_address());
      tcp_stream server = listener.accept();
      EXPECT_EQ(server.peer_address(), client.local_address());
    }
  });
}

// A listener whose queue is full answers no more, so that connecting waits.
TEST_F(cancel_test, those_who_connect) {
  weft::test::run([] {
    const tcp_listener full{"127.0.0.1:0", {.backlog = 0}};
    constexpr int connecting = 8;
    std::atomic<int> were_cancelled{0};
    std::atomic<int> connected{0};
    const std::uint64_t before = operations();
    group g;
    for (int i = 0; i < connecting; ++i) {
      g.spawn([&] {
        try {
          tcp_stream s = tcp_stream::connect(full.local_address());
          ++connected;
        } catch (const cancelled&) {
          ++were_cancelled;
          throw;
        }
      });
    }
    while (operations() < before + connecting) weft::yield();
    g.cancel();
    g.join();
    EXPECT_EQ(were_cancelled + connected, connecting);
    EXPECT_GT(were_cancelled, 0);
  });
}

TEST_F(cancel_test, one_who_polls_several_descriptors) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    connection c = connect_pair();
    std::array<pollfd, 3> what{pollfd{reader.native_handle(), POLLIN, 0}, pollfd{-1, POLLIN, 0},
                               pollfd{c.client.native_handle(), POLLIN, 0}};
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(cancel_when_waiting([&] { poll_many(what); }));
  });
}

TEST_F(cancel_test, one_who_opens_a_pipe_by_name_that_nobody_writes) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::string name = (folder / "fifo").string();
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    EXPECT_TRUE(cancel_when_waiting([&] { file{name}; }));
  });
}

TEST_F(cancel_test, a_cancelled_scope_starts_nothing) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    writer.write_all("ready");
    group g;
    g.cancel();
    std::array<std::byte, 8> bytes{};
    const std::uint64_t before = operations();
    EXPECT_THROW(reader.read_some(bytes), cancelled) << "also when it would not have to wait";
    EXPECT_THROW(file("/proc/self/status"), cancelled);
    EXPECT_THROW((void)tcp_stream::connect("127.0.0.1:1"), cancelled);
    EXPECT_EQ(operations(), before);
    g.join();
  });
}

TEST_F(cancel_test, a_deadline_ends_a_read) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    std::array<std::byte, 8> bytes{};
    EXPECT_THROW(with_deadline(1ms, [&reader, &bytes] { return reader.read_some(bytes); }), timeout_error);
    writer.write_all("after");
    EXPECT_EQ(with_deadline(1h, [&reader, &bytes] { return reader.read_some(bytes); }), 5U);
  });
}

TEST_F(cancel_test, a_deadline_ends_each_operation) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::string fifo = (folder / "fifo").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    auto [reader, writer] = make_pipe();
    connection c = connect_pair();
    tcp_listener listener{"127.0.0.1:0"};
    const tcp_listener full{"127.0.0.1:0", {.backlog = 0}};
    const tcp_stream first = tcp_stream::connect(full.local_address());
    std::array<std::byte, 8> bytes{};
    bytes.fill(poison);
    std::array<pollfd, 1> what{pollfd{reader.native_handle(), POLLIN, 0}};
    const auto ends = [](auto&& f) { EXPECT_THROW(with_deadline(1ms, f), timeout_error); };
    for (int i = 0; i < 5; ++i) {
      ends([&reader, &bytes] { reader.read_some(bytes); });
      ends([&c, &bytes] { c.client.read_some(bytes); });
      ends([&listener] { (void)listener.accept(); });
      ends([&what] { poll_many(what); });
      ends([&fifo] { file{fifo}; });
    }
    ends([&full] {
      for (;;) (void)tcp_stream::connect(full.local_address());
    });
    ends([&writer] {
      for (;;) writer.write_some(make_pattern(1, 0, 5'000));
    });
    ends([&c] {
      for (;;) c.server.write_some(make_pattern(1, 0, 50'000));
    });
    EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == poison; }));
  });
}

TEST_F(cancel_test, hundreds_of_readers_end_together) {
  weft::test::run([] {
    constexpr int readers = 300;
    std::vector<std::pair<pipe_reader, pipe_writer>> pipes;
    for (int i = 0; i < readers; ++i) pipes.push_back(make_pipe());
    std::atomic<int> were_cancelled{0};
    const std::uint64_t before = operations();
    group g;
    for (auto& p : pipes) {
      g.spawn([&] {
        std::array<std::byte, 8> bytes{};
        try {
          p.first.read_some(bytes);
        } catch (const cancelled&) {
          ++were_cancelled;
          throw;
        }
      });
    }
    while (operations() < before + readers) weft::yield();
    g.cancel();
    g.join();
    EXPECT_EQ(were_cancelled, readers);
  });
}

// The canceller runs on whatever worker is free, the reader's operation stays with the ring it was started on.
TEST_F(cancel_test, from_other_workers_while_data_arrives) {
  weft::test::run([] {
    constexpr int pairs = 20;
    group all;
    for (int p = 0; p < pairs; ++p) {
      all.spawn([p] {
        auto [reader, writer] = make_pipe();
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
        for (int round = 0; round < 100; ++round) {
          std::vector<std::byte> bytes(64, poison);
          std::size_t n = 0;
          group g;
          g.spawn([&reader, &bytes, &n] { n = reader.read_some(bytes); });
          for (int i = 0; i < round % 7; ++i) weft::yield();
          writer.write_all(make_pattern(static_cast<std::uint64_t>(p), sent, 10));
          sent += 10;
          for (int i = 0; i < round % 5; ++i) weft::yield();
          g.cancel();
          g.join();
          EXPECT_EQ(matching(std::span(bytes).first(n), static_cast<std::uint64_t>(p), received), n);
          EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(n), bytes.end(),
                                  [](std::byte b) { return b == poison; }));
          received += n;
        }
        writer.close();
        std::vector<std::byte> rest(static_cast<std::size_t>(sent - received) + 1);
        std::size_t n = 0;
        while (const std::size_t more = reader.read_some(std::span(rest).subspan(n))) n += more;
        EXPECT_EQ(received + n, sent);
      });
    }
  });
}

// Cleaning up while a cancellation passes may itself use I/O, which then waits for its end.
TEST_F(cancel_test, a_destructor_may_still_write) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    struct says_goodbye {
      pipe_writer* to;
      ~says_goodbye() { to->write_all("bye"); }
    };
    auto [idle, never] = make_pipe();
    EXPECT_TRUE(cancel_when_waiting([&writer, &idle] {
      const says_goodbye guard{&writer};
      std::array<std::byte, 1> byte{};
      idle.read_some(byte);
    }));
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(reader.read_some(bytes), 3U);
  });
}

}  // namespace
}  // namespace weft::io::test
