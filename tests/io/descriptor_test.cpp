// The forms for plain descriptors.
#include "io_support.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using descriptor_test = io_test;

struct raw_pipe {
  std::array<int, 2> ends{-1, -1};
  explicit raw_pipe(int flags = 0) { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | flags), 0); }
  ~raw_pipe() {
    close_writer();
    ::close(ends[0]);
  }
  void close_writer() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
  raw_pipe(const raw_pipe&) = delete;
  raw_pipe& operator=(const raw_pipe&) = delete;
  [[nodiscard]] int reader() const { return ends[0]; }
  [[nodiscard]] int writer() const { return ends[1]; }
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Starts a reader of fd, lets it wait, has `then` end the wait.
template <class Then>
std::string read_waiting(int fd, Then&& then) {
  std::array<std::byte, 64> bytes{};
  std::size_t n = 0;
  const std::uint64_t before = operations();
  group g;
  g.spawn([&] { n = weft::io::read(fd, bytes); });
  while (operations() == before) weft::yield();
  then();
  g.join();
  return std::string(text_of(std::span(bytes).first(n)));
}

TEST_F(descriptor_test, a_read_waits_for_a_pipe_a_socket_an_eventfd) {
  weft::test::run([] {
    const raw_pipe p;
    EXPECT_EQ(read_waiting(p.reader(), [&] { weft::io::write(p.writer(), bytes_of("pipe")); }), "pipe");
    std::array<int, 2> sockets{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
    EXPECT_EQ(read_waiting(sockets[0], [&] { weft::io::write(sockets[1], bytes_of("socket")); }), "socket");
    for (const int fd : sockets) ::close(fd);
    const int event = ::eventfd(0, EFD_CLOEXEC);
    EXPECT_EQ(read_waiting(event, [&] { ::eventfd_write(event, 1); }).size(), 8U);
    ::close(event);
  });
}

TEST_F(descriptor_test, a_read_waits_for_a_descriptor_that_is_set_not_to_block) {
  weft::test::run([] {
    const raw_pipe p(O_NONBLOCK);
    EXPECT_EQ(read_waiting(p.reader(), [&] { weft::io::write(p.writer(), bytes_of("late")); }), "late");
    std::uint64_t place = 0;
    group g;
    g.spawn([&] {
      for (; place < 300'000; place += 1'000) write_all(p.writer(), make_pattern(1, place, 1'000));
    });
    std::vector<std::byte> part(777);
    for (std::uint64_t got = 0; got < 300'000;) {
      const std::size_t n = weft::io::read(p.reader(), part);
      ASSERT_EQ(matching(std::span(part).first(n), 1, got), n);
      got += n;
    }
  });
}

// The two ends of a terminal.
struct terminal_pair {
  int keyboard = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int terminal = -1;
  terminal_pair() {
    std::array<char, 64> name{};
    EXPECT_EQ(::grantpt(keyboard), 0);
    EXPECT_EQ(::unlockpt(keyboard), 0);
    EXPECT_EQ(::ptsname_r(keyboard, name.data(), name.size()), 0);
    terminal = weft::io::open(name.data(), O_RDWR | O_NOCTTY);
  }
  ~terminal_pair() {
    ::close(terminal);
    ::close(keyboard);
  }
  terminal_pair(const terminal_pair&) = delete;
  terminal_pair& operator=(const terminal_pair&) = delete;
};

void set_nonblocking(int fd) { ASSERT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), 0); }

TEST_F(descriptor_test, a_read_waits_for_a_terminal) {
  weft::test::run([] {
    const terminal_pair t;
    const auto type = [&] { weft::io::write(t.keyboard, bytes_of("typed\n")); };
    EXPECT_EQ(read_waiting(t.terminal, type), "typed\n");
    std::error_code error;
    std::array<std::byte, 8> bytes{};
    const iovec one{bytes.data(), bytes.size()};
    EXPECT_EQ(try_read(t.terminal, {&one, 1}, error), 0U);
    EXPECT_EQ(error, std::errc::operation_would_block);
    set_nonblocking(t.terminal);  // as another process that shares it may
    EXPECT_EQ(read_waiting(t.terminal, type), "typed\n");
  });
}

TEST_F(descriptor_test, accepting_waits_on_a_listener_that_is_set_not_to_block) {
  weft::test::run([] {
    const tcp_listener listener{"127.0.0.1:0"};
    set_nonblocking(listener.native_handle());
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] { ::close(weft::io::accept(listener.native_handle())); });
    while (operations() == before) weft::yield();
    const tcp_stream client = tcp_stream::connect(listener.local_address());
  });
}

TEST_F(descriptor_test, several_buffers_are_filled_in_turn) {
  weft::test::run([] {
    const temporary_folder folder;
    const int fd = weft::io::open((folder / "data").string(), O_RDWR | O_CREAT);
    std::string a = "one ";
    std::string b = "two ";
    std::string c = "three";
    const std::array<iovec, 3> out{iovec{a.data(), a.size()}, iovec{b.data(), b.size()}, iovec{c.data(), c.size()}};
    EXPECT_EQ(weft::io::write(fd, out), 13U);
    EXPECT_EQ(weft::io::pwrite(fd, std::span(out).first(1), 13), 4U);
    std::array<char, 6> first{};
    std::array<char, 20> second{};
    const std::array<iovec, 2> in{iovec{first.data(), first.size()}, iovec{second.data(), second.size()}};
    EXPECT_EQ(weft::io::pread(fd, in, 0), 17U);
    EXPECT_EQ(std::string_view(first.data(), 6), "one tw");
    EXPECT_EQ(std::string_view(second.data(), 11), "o threeone ");
    sync(fd);
    sync(fd, true);
    ::close(fd);
  });
}

// Only what is in the page cache is read at once; the rest of a file must come all the same. (Where the file system keeps files in
// memory alone, all of it is read at once.)
TEST_F(descriptor_test, a_file_is_read_to_the_end_even_if_half_of_it_is_in_the_cache) {
  weft::test::run([] {
    const temporary_folder folder;
    constexpr std::size_t size = 1 << 20;
    const int fd = weft::io::open((folder / "data").string(), O_RDWR | O_CREAT);
    write_all(fd, make_pattern(7, 0, size));
    sync(fd);
    std::vector<std::byte> bytes(size);
    const auto cache_only = [&](std::size_t front) {
      EXPECT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
      EXPECT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
      EXPECT_EQ(::pread(fd, bytes.data(), front, 0), static_cast<ssize_t>(front));
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
    };
    for (const std::size_t cached : {std::size_t{4096}, size / 2, size - 4096}) {
      cache_only(cached);
      const std::array<iovec, 2> in{iovec{bytes.data(), 1'000}, iovec{bytes.data() + 1'000, size - 1'000}};
      EXPECT_EQ(weft::io::pread(fd, in, 0), size);
      EXPECT_EQ(matching(bytes, 7, 0), size);
      cache_only(cached);
      ASSERT_EQ(::lseek(fd, 0, SEEK_SET), 0);
      EXPECT_EQ(weft::io::read(fd, bytes), size);
      EXPECT_EQ(matching(bytes, 7, 0), size);
      EXPECT_EQ(::lseek(fd, 0, SEEK_CUR), static_cast<off_t>(size));
    }
    ::close(fd);
  });
}

TEST_F(descriptor_test, trying_never_waits) {
  weft::test::run([] {
    const raw_pipe p;
    std::array<std::byte, 70'000> bytes{};
    const iovec one{bytes.data(), bytes.size()};
    std::error_code error;
    const std::uint64_t before = operations();
    EXPECT_EQ(try_read(p.reader(), {&one, 1}, error), 0U);
    EXPECT_EQ(error, std::errc::operation_would_block);
    const std::size_t written = try_write(p.writer(), {&one, 1}, error);
    EXPECT_FALSE(error);
    EXPECT_GT(written, 0U);
    EXPECT_LT(written, bytes.size());
    EXPECT_EQ(try_write(p.writer(), {&one, 1}, error), 0U);
    EXPECT_EQ(error, std::errc::operation_would_block);
    EXPECT_EQ(try_read(p.reader(), {&one, 1}, error), written);
    EXPECT_FALSE(error);
    EXPECT_EQ(operations(), before);
  });
}

TEST_F(descriptor_test, accepts_on_a_plain_descriptor) {
  weft::test::run([] {
    const tcp_listener listener{"127.0.0.1:0"};
    group g;
    g.spawn([&] {
      const tcp_stream s = tcp_stream::adopt(weft::io::accept(listener.native_handle()));
      EXPECT_EQ(s.local_address(), listener.local_address());
    });
    const tcp_stream client = tcp_stream::connect(listener.local_address());
  });
}

TEST_F(descriptor_test, errors_are_thrown_or_reported) {
  weft::test::run([] {
    const raw_pipe p;
    std::array<std::byte, 4> bytes{};
    std::error_code error;
    EXPECT_EQ(weft::io::read(-1, bytes, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
    const std::system_error e = error_of([&] { weft::io::read(p.writer(), bytes); });
    EXPECT_EQ(e.code(), std::errc::bad_file_descriptor);
    EXPECT_NE(std::string_view(e.what()).find("cannot read from descriptor"), std::string_view::npos) << e.what();
    const iovec one{bytes.data(), bytes.size()};
    EXPECT_EQ(weft::io::pread(p.reader(), {&one, 1}, 0, error), 0U);
    EXPECT_EQ(error, std::errc::invalid_seek);
    EXPECT_EQ(weft::io::pread(p.reader(), {&one, 1}, UINT64_MAX, error), 0U);
    EXPECT_EQ(error, std::errc::invalid_argument);
    EXPECT_EQ(weft::io::open("/no/such/folder", O_RDONLY, 0, error), -1);
    EXPECT_EQ(error, std::errc::no_such_file_or_directory);
    EXPECT_EQ(weft::io::accept(p.reader(), error), -1);
    EXPECT_EQ(error, std::errc::not_a_socket);
  });
}

TEST_F(descriptor_test, polling_finds_what_is_ready) {
  weft::test::run([] {
    const raw_pipe a;
    raw_pipe b;
    std::array<pollfd, 4> what{pollfd{a.reader(), POLLIN, 0}, pollfd{b.reader(), POLLIN, 0}, pollfd{-1, POLLIN, 0},
                               pollfd{a.writer(), POLLOUT, 0}};
    EXPECT_EQ(poll_many(what), 1U);
    EXPECT_EQ(what[3].revents, POLLOUT);
    const auto readers = std::span(what).first(3);
    EXPECT_EQ(poll_many(readers, {}), 0U) << "a limit in the past only looks";
    EXPECT_EQ(poll_many(readers, std::chrono::steady_clock::now() + 1ms), 0U);
    weft::io::write(a.writer(), bytes_of("x"));
    b.close_writer();
    EXPECT_EQ(poll_many(readers), 2U);
    EXPECT_EQ(what[0].revents, POLLIN);
    EXPECT_EQ(what[1].revents, POLLHUP);
    EXPECT_EQ(what[2].revents, 0);
    std::array<pollfd, 1> bad{pollfd{12345, POLLIN, 0}};
    EXPECT_EQ(poll_many(bad), 1U);
    EXPECT_EQ(bad[0].revents, POLLNVAL);
  });
}

TEST_F(descriptor_test, polling_waits_for_any_of_many) {
  weft::test::run([] {
    constexpr std::size_t pipes = 50;
    std::vector<std::unique_ptr<raw_pipe>> all;
    for (std::size_t i = 0; i < pipes; ++i) all.push_back(std::make_unique<raw_pipe>());
    for (std::size_t chosen = 0; chosen < pipes; chosen += 7) {
      std::vector<pollfd> what;
      for (const auto& p : all) what.push_back({p->reader(), POLLIN, 0});
      const std::uint64_t before = operations();
      group g;
      g.spawn([&] {
        EXPECT_EQ(poll_many(what), 1U);
        EXPECT_EQ(what[chosen].revents, POLLIN);
      });
      while (operations() < before + pipes) weft::yield();
      weft::io::write(all[chosen]->writer(), bytes_of("x"));
      g.join();
      std::array<std::byte, 1> byte{};
      EXPECT_EQ(weft::io::read(all[chosen]->reader(), byte), 1U);
    }
  });
}

TEST_F(descriptor_test, polling_nothing_is_a_sleep) {
  weft::test::run([] {
    const auto limit = std::chrono::steady_clock::now() + 2ms;
    EXPECT_EQ(poll_many({}, limit), 0U);
    EXPECT_GE(std::chrono::steady_clock::now(), limit);
  });
}

// Two who poll the same descriptor: the one that comes too late must go on waiting.
TEST_F(descriptor_test, polling_is_repeated_when_another_was_quicker) {
  weft::test::run([] {
    const raw_pipe p;
    std::atomic<int> consumed{0};
    constexpr int readers = 4;
    group g;
    for (int i = 0; i < readers; ++i) {
      g.spawn([&] {
        std::array<pollfd, 1> what{pollfd{p.reader(), POLLIN, 0}};
        EXPECT_EQ(poll_many(what), 1U);
        std::array<std::byte, 1> byte{};
        EXPECT_EQ(weft::io::read(p.reader(), byte), 1U);
        ++consumed;
      });
    }
    for (int i = 0; i < readers; ++i) {
      weft::io::write(p.writer(), bytes_of("x"));
      yield_until([&] { return consumed > i; });
    }
  });
}

TEST_F(descriptor_test, inside_blocking_calls_block_the_pools_thread) {
  weft::test::run([] {
    const raw_pipe p;
    const std::uint64_t before = operations();
    group g;
    const task<std::size_t> read = g.spawn([&] {
      return weft::blocking([&] {
        std::array<std::byte, 8> bytes{};
        return weft::io::read(p.reader(), bytes);
      });
    });
    weft::yield();
    weft::io::write(p.writer(), bytes_of("inside"));
    read.wait();
    EXPECT_EQ(operations(), before);
  });
}

TEST_F(descriptor_test, ordinary_threads_may_use_descriptors) {
  const raw_pipe p;
  std::array<pollfd, 1> what{pollfd{p.reader(), POLLIN, 0}};
  EXPECT_EQ(poll_many(what, {}), 0U);
  weft::io::write(p.writer(), bytes_of("plain"));
  EXPECT_EQ(poll_many(what), 1U);
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(weft::io::read(p.reader(), bytes), 5U);
}

}  // namespace
}  // namespace weft::io::test
