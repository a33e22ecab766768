// Closing a descriptor that others use.
#include "io_support.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <thread>

namespace weft::io::test {
namespace {

using close_test = io_test;

// f waits on something that close() closes: it must get ECANCELED and a message that says why.
template <class F, class Close>
void check_close_wakes(F&& f, Close&& close) {
  const std::uint64_t before = operations();
  group g;
  g.spawn([&] {
    const std::system_error e = error_of(f);
    EXPECT_EQ(e.code().value(), ECANCELED);
    EXPECT_NE(std::string_view(e.what()).find("closed by another fiber while in use"), std::string_view::npos)
        << e.what();
  });
  while (operations() == before) weft::yield();
  close();
}

TEST_F(close_test, wakes_a_reader_of_a_pipe) {
  weft::test::run([] {
    for (int i = 0; i < 50; ++i) {
      auto [reader, writer] = make_pipe();
      std::array<std::byte, 8> bytes{};
      const int fd = reader.native_handle();
      check_close_wakes([&reader, &bytes] { reader.read_some(bytes); },
                        [&reader, fd] {
                          reader.close();
                          EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "when close() returns, it is closed";
                        });
    }
  });
}

TEST_F(close_test, wakes_a_reader_of_a_connection_which_then_sees_its_end) {
  weft::test::run([] {
    connection c = connect_pair();
    std::array<std::byte, 8> bytes{};
    check_close_wakes([&] { c.client.read_some(bytes); }, [&] { c.client.close(); });
    EXPECT_EQ(c.server.read_some(bytes), 0U);
  });
}

TEST_F(close_test, wakes_one_who_accepts_and_frees_the_port) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.1:0"};
    const address where = listener.local_address();
    for (int i = 0; i < 50; ++i) {
      check_close_wakes([&] { (void)listener.accept(); }, [&] { listener.close(); });
      listener = tcp_listener{where};
    }
  });
}

TEST_F(close_test, wakes_many_at_once) {
  weft::test::run([] {
    constexpr int readers = 100;
    connection c = connect_pair();
    std::atomic<int> woken{0};
    const std::uint64_t before = operations();
    group g;
    for (int i = 0; i < readers; ++i) {
      g.spawn([&] {
        std::array<std::byte, 8> bytes{};
        EXPECT_EQ(error_of([&] { c.client.read_some(bytes); }).code().value(), ECANCELED);
        ++woken;
      });
    }
    while (operations() < before + readers) weft::yield();
    c.client.close();
    g.join();
    EXPECT_EQ(woken, readers);
  });
}

TEST_F(close_test, an_ordinary_thread_may_close_what_a_fiber_reads) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    std::array<std::byte, 8> bytes{};
    check_close_wakes([&reader, &bytes] { reader.read_some(bytes); },
                      [&reader] { std::thread([&reader] { reader.close(); }).join(); });
  });
}

TEST_F(close_test, several_closers_close_once) {
  weft::test::run([] {
    for (int round = 0; round < 50; ++round) {
      auto [reader, writer] = make_pipe();
      std::atomic<int> ended{0};
      const std::uint64_t before = operations();
      group g;
      g.spawn([&reader, &ended] {
        std::array<std::byte, 8> bytes{};
        EXPECT_EQ(error_of([&] { reader.read_some(bytes); }).code().value(), ECANCELED);
        ++ended;
      });
      while (operations() == before) weft::yield();
      for (int i = 0; i < 4; ++i) g.spawn([&reader] { reader.close(); });
      g.join();
      EXPECT_EQ(ended, 1);
    }
  });
}

// Uses begin, wait, end and are cancelled while others close: whoever comes too late gets EBADF, nobody hangs, nothing leaks.
TEST_F(close_test, races_with_uses_and_cancellation) {
  weft::test::run([] {
    for (int round = 0; round < 200; ++round) {
      connection c = connect_pair();
      group g;
      for (int i = 0; i < 3; ++i) {
        g.spawn([&c, round, i] {
          std::array<std::byte, 8> bytes{};
          for (int y = 0; y < (round + i) % 4; ++y) weft::yield();
          try {
            while (c.client.read_some(bytes) != 0) {
            }
            ADD_FAILURE() << "the peer has not closed";
          } catch (const std::system_error& e) {
            EXPECT_TRUE(e.code().value() == ECANCELED || e.code().value() == EBADF) << e.what();
          }
        });
      }
      g.spawn([&c, round] {
        for (int y = 0; y < round % 3; ++y) weft::yield();
        c.server.write_some(std::array{std::byte{1}});
      });
      g.spawn([&c, round] {
        for (int y = 0; y < round % 5; ++y) weft::yield();
        c.client.close();
      });
      for (int y = 0; y < round % 6; ++y) weft::yield();
      if (round % 2 == 0) {
        g.cancel();
        g.join();
      }
    }
  });
}

}  // namespace
}  // namespace weft::io::test
