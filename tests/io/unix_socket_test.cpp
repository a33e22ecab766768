#include "io_support.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using unix_socket_test = io_test;

bool contains(const std::system_error& e, std::string_view text) {
  return std::string_view(e.what()).find(text) != std::string_view::npos;
}

void echo(unix_stream& client) {
  std::array<std::byte, 512> buffer;
  while (const std::size_t n = client.read_some(buffer)) client.write_all({buffer.data(), n});
}

void exchange_with_echo(const unix_address& where) {
  weft::test::run([&] {
    constexpr int clients = 50;
    unix_listener listener{where};
    EXPECT_EQ(listener.local_address(), where);
    group g;
    g.spawn([&] {
      group serving;
      for (int i = 0; i < clients; ++i) serving.spawn([s = listener.accept()]() mutable { echo(s); });
    });
    for (std::uint64_t c = 0; c < clients; ++c) {
      g.spawn([&, c] {
        unix_stream s = unix_stream::connect(where);
        EXPECT_EQ(s.peer_address(), where);
        EXPECT_TRUE(s.local_address().is_unnamed());
        const auto question = make_pattern(c, 0, 5'000);
        s.write_all(question);
        std::vector<std::byte> answer(question.size());
        EXPECT_TRUE(s.read_exactly(answer));
        EXPECT_EQ(answer, question);
        s.shutdown_write();
        EXPECT_EQ(s.read_some(answer), 0U);
      });
    }
  });
}

TEST_F(unix_socket_test, addresses_are_paths_abstract_names_or_nothing) {
  const unix_address path("/run/server.sock");
  EXPECT_TRUE(path.is_path());
  EXPECT_EQ(path.to_string(), "/run/server.sock");
  const unix_address abstract("@server");
  EXPECT_TRUE(abstract.is_abstract());
  EXPECT_EQ(abstract.to_string(), "@server");
  EXPECT_EQ(unix_address(abstract.data(), abstract.size()), abstract);
  EXPECT_EQ(unix_address(path.data(), path.size()), path);
  EXPECT_NE(path, abstract);
  EXPECT_TRUE(unix_address().is_unnamed());
  EXPECT_TRUE(unix_address("").is_unnamed());
  EXPECT_NO_THROW(unix_address(std::string(107, 'x')));
  const std::system_error e = error_of([] { unix_address(std::string(108, 'x')); });
  EXPECT_EQ(e.code().value(), ENAMETOOLONG);
  EXPECT_TRUE(contains(e, "shorter path")) << e.what();
  EXPECT_EQ(error_of([] { unix_address(std::string_view("a\0b", 3)); }).code().value(), EINVAL);
  const address inet("127.0.0.1:1");
  EXPECT_EQ(error_of([&] { unix_address(inet.data(), inet.size()); }).code().value(), EAFNOSUPPORT);
}

TEST_F(unix_socket_test, echo_at_a_path) {
  const temporary_folder folder;
  exchange_with_echo(folder / "socket");
  EXPECT_FALSE(std::filesystem::exists(folder / "socket")) << "the file goes with the listener";
}

TEST_F(unix_socket_test, echo_at_an_abstract_name) { exchange_with_echo("@weft-test-" + std::to_string(::getpid())); }

TEST_F(unix_socket_test, a_path_in_use_is_an_error_with_a_remedy) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_address where(folder / "socket");
    const unix_listener first{where};
    for (const bool replace : {false, true}) {
      const std::system_error e = error_of([&] { unix_listener{where, {.replace_stale = replace}}; });
      EXPECT_EQ(e.code().value(), EADDRINUSE);
      EXPECT_TRUE(contains(e, "another program listens there")) << e.what();
    }
    EXPECT_NO_THROW(unix_stream::connect(where).close()) << "the first one still serves";
  });
}

// What a program that was killed leaves behind.
void leave_stale_socket(const unix_address& where) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, where.data(), where.size()), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  ::close(fd);
}

TEST_F(unix_socket_test, a_stale_file_is_replaced_where_that_was_asked_for) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_address where(folder / "socket");
    leave_stale_socket(where);
    const std::system_error refused = error_of([&] { (void)unix_stream::connect(where); });
    EXPECT_EQ(refused.code().value(), ECONNREFUSED);
    EXPECT_TRUE(contains(refused, "left by a program that has ended")) << refused.what();
    const std::system_error e = error_of([&] { unix_listener{where}; });
    EXPECT_EQ(e.code().value(), EADDRINUSE);
    EXPECT_TRUE(contains(e, "set replace_stale")) << e.what();
    unix_listener listener{where, {.replace_stale = true}};
    unix_stream client = unix_stream::connect(where);
    unix_stream server = listener.accept();
    client.write_all("x");
    std::array<std::byte, 1> byte{};
    EXPECT_TRUE(server.read_exactly(byte));
  });
}

TEST_F(unix_socket_test, a_file_that_is_no_socket_is_never_replaced) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::filesystem::path path = folder / "file";
    std::ofstream(path) << "precious";
    const std::system_error e = error_of([&] { unix_listener{path, {.replace_stale = true}}; });
    EXPECT_EQ(e.code().value(), EADDRINUSE);
    EXPECT_TRUE(contains(e, "no socket has that name")) << e.what();
    EXPECT_EQ(std::filesystem::file_size(path), 8U);
  });
}

TEST_F(unix_socket_test, a_listener_leaves_its_successors_file_alone) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_address where(folder / "socket");
    unix_listener first{where};
    std::filesystem::remove(folder / "socket");
    unix_listener second{where};
    first.close();
    EXPECT_TRUE(std::filesystem::exists(folder / "socket"));
    second.close();
    EXPECT_FALSE(std::filesystem::exists(folder / "socket"));
  });
}

TEST_F(unix_socket_test, connecting_to_nothing_names_the_remedy) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::system_error e = error_of([&] { (void)unix_stream::connect(folder / "nothing"); });
    EXPECT_EQ(e.code().value(), ENOENT);
    EXPECT_TRUE(contains(e, "is the server running?")) << e.what();
    std::error_code error;
    EXPECT_FALSE(unix_stream::connect(folder / "nothing", error).is_open());
    EXPECT_EQ(error, std::errc::no_such_file_or_directory);
  });
}

// The queue holds one more than it was asked for.
TEST_F(unix_socket_test, who_connects_to_a_full_queue_waits_for_room) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_address where(folder / "socket");
    unix_listener listener{where, {.backlog = 0}};
    const unix_stream first = unix_stream::connect(where);
    const std::uint64_t before = operations();
    group g;
    const task<void> connecting = g.spawn([&] {
      unix_stream s = unix_stream::connect(where);
      s.write_all("in");
    });
    yield_until([&] { return operations() > before; });
    for (int i = 0; i < 100; ++i) weft::yield();
    EXPECT_FALSE(connecting.done());
    const unix_stream first_server = listener.accept();
    unix_stream second_server = listener.accept();
    std::array<std::byte, 2> bytes{};
    EXPECT_TRUE(second_server.read_exactly(bytes));
  });
}

TEST_F(unix_socket_test, waiting_for_room_in_a_queue_can_be_cancelled) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_address where(folder / "socket");
    const unix_listener listener{where, {.backlog = 0}};
    const unix_stream first = unix_stream::connect(where);
    EXPECT_THROW(with_deadline(5ms, [&] { return unix_stream::connect(where); }), timeout_error);
    group g;
    const std::uint64_t before = operations();
    g.spawn([&] { (void)unix_stream::connect(where); });
    yield_until([&] { return operations() > before; });
    g.cancel();
    g.join();
  });
}

TEST_F(unix_socket_test, closing_wakes_one_who_accepts) {
  weft::test::run([] {
    const temporary_folder folder;
    for (int i = 0; i < 20; ++i) {
      unix_listener listener{folder / "socket"};
      const std::uint64_t before = operations();
      group g;
      g.spawn([&] {
        std::error_code error;
        EXPECT_FALSE(listener.accept(error).is_open());
        EXPECT_EQ(error, std::errc::operation_canceled);
      });
      yield_until([&] { return operations() > before; });
      listener.close();
      EXPECT_FALSE(std::filesystem::exists(folder / "socket"));
    }
  });
}

TEST_F(unix_socket_test, the_other_end_of_a_pair) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    group g;
    g.spawn([&b] { echo(b); });
    a.write_all("ping");
    std::array<std::byte, 4> back{};
    EXPECT_TRUE(a.read_exactly(back));
    EXPECT_EQ(text_of(back), "ping");
    EXPECT_TRUE(a.peer_address().is_unnamed());
    const peer_credentials who = a.credentials();
    EXPECT_EQ(who.process, ::getpid());
    EXPECT_EQ(who.user, ::getuid());
    EXPECT_EQ(who.group, ::getgid());
    a.close();
  });
}

TEST_F(unix_socket_test, a_reader_that_is_gone_is_an_error_and_no_signal) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    b.close();
    EXPECT_EQ(error_of([&a] { a.write_all("x"); }).code().value(), EPIPE);
    std::error_code error;
    a.write_all("x", error);
    EXPECT_EQ(error, std::errc::broken_pipe);
  });
}

TEST_F(unix_socket_test, descriptors_travel_with_the_data) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    auto [reader, writer] = make_pipe();
    const std::uint64_t before = operations();
    group g;
    g.spawn([&b] {
      std::array<std::byte, 16> buffer;
      received_descriptors r = b.receive_descriptors(buffer);
      EXPECT_EQ(text_of(std::span(buffer).first(r.size)), "take it");
      ASSERT_EQ(r.descriptors.size(), 1U);
      EXPECT_FALSE(r.some_lost);
      EXPECT_NE(::fcntl(r.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
      pipe_writer w = pipe_writer::adopt(r.descriptors[0].release());
      w.write_all("through");
    });
    yield_until([&] { return operations() > before; });
    a.send_descriptors(writer.native_handle(), std::as_bytes(std::span("take it", 7)));
    writer.close();
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(reader.read_some(buffer), 7U);
    EXPECT_EQ(reader.read_some(buffer), 0U) << "the other process's duplicate was the last";
  });
}

TEST_F(unix_socket_test, as_many_descriptors_as_the_kernel_takes) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    auto [reader, writer] = make_pipe();
    std::vector<int> many(253, writer.native_handle());
    a.send_descriptors(many, std::as_bytes(std::span("x", 1)));
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(b.receive_descriptors(buffer).descriptors.size(), 253U) << "and all are closed with the result";
    many.push_back(writer.native_handle());
    EXPECT_EQ(error_of([&a, &many] { a.send_descriptors(many, std::as_bytes(std::span("x", 1))); }).code().value(),
              EINVAL);
    EXPECT_EQ(error_of([&a, &many] { a.send_descriptors(many, {}); }).code().value(), EINVAL);
    EXPECT_EQ(error_of([&b] { (void)b.receive_descriptors({}); }).code().value(), EINVAL);
    EXPECT_EQ(error_of([&a] { a.send_descriptors(-1, std::as_bytes(std::span("x", 1))); }).code().value(), EBADF);
  });
}

TEST_F(unix_socket_test, descriptors_that_nobody_takes_are_closed) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    auto [reader, writer] = make_pipe();
    a.send_descriptors(writer.native_handle(), std::as_bytes(std::span("one", 3)));
    a.send_descriptors(writer.native_handle(), std::as_bytes(std::span("two", 3)));
    a.send_descriptors(writer.native_handle(), std::as_bytes(std::span("three", 5)));
    writer.close();
    std::array<std::byte, 3> buffer;
    EXPECT_EQ(b.read_some(buffer), 3U);                               // a plain read takes the data alone
    EXPECT_EQ(b.receive_descriptors(buffer).descriptors.size(), 1U);  // nobody looks into this result
    b.close();                                                        // the third is still on its way
    EXPECT_EQ(reader.read_some(buffer), 0U) << "no duplicate of the writing end is left";
  });
}

TEST_F(unix_socket_test, descriptors_for_which_there_is_no_room_are_told_of) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    auto [reader, writer] = make_pipe();
    a.send_descriptors(std::vector<int>(3, writer.native_handle()), std::as_bytes(std::span("x", 1)));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    const rlimit tight{.rlim_cur = static_cast<rlim_t>(lowest_free) + 1, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    std::array<std::byte, 4> buffer;
    const received_descriptors r = b.receive_descriptors(buffer);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(r.size, 1U);
    EXPECT_EQ(r.descriptors.size(), 1U);
    EXPECT_TRUE(r.some_lost);
  });
}

TEST_F(unix_socket_test, one_who_waits_for_descriptors_can_be_cancelled) {
  weft::test::run([] {
    auto [a, b] = make_socket_pair();
    std::array<std::byte, 4> buffer;
    EXPECT_THROW(with_deadline(1ms, [&b, &buffer] { return b.receive_descriptors(buffer); }), timeout_error);
    const std::uint64_t before = operations();
    group g;
    g.spawn([&b] {
      std::array<std::byte, 4> bytes;
      EXPECT_EQ(error_of([&b, &bytes] { (void)b.receive_descriptors(bytes); }).code().value(), ECANCELED);
    });
    yield_until([&] { return operations() > before; });
    b.close();
  });
}

TEST_F(unix_socket_test, datagrams_between_names) {
  weft::test::run([] {
    const temporary_folder folder;
    unix_datagram server{folder / "server"};
    unix_datagram client{folder / "client"};
    group g;
    g.spawn([&] {
      std::array<std::byte, 16> buffer;
      const received_from_unix r = server.receive_from(buffer);
      EXPECT_EQ(r.from, client.local_address());
      server.send_to(std::span(buffer).first(r.size), r.from);
    });
    client.set_peer(server.local_address());
    EXPECT_EQ(client.peer_address(), server.local_address());
    client.send("ping");
    std::array<std::byte, 2> buffer;
    const received r = client.receive(buffer);
    EXPECT_EQ(text_of(buffer), "pi");
    EXPECT_TRUE(r.truncated);
    g.join();
    unix_datagram nameless = unix_datagram::connect(server.local_address());
    nameless.send("anonymous");
    std::array<std::byte, 16> more;
    EXPECT_TRUE(server.receive_from(more).from.is_unnamed());
    const unix_datagram named_by_the_system{""};
    EXPECT_TRUE(named_by_the_system.local_address().is_abstract());
    server.close();
    client.close();
    EXPECT_FALSE(std::filesystem::exists(folder / "server"));
    EXPECT_EQ(error_of([&] { nameless.send("x"); }).code().value(), ECONNREFUSED);
  });
}

// Nothing is lost: the sender waits for the receiver, whether it is connected or not.
TEST_F(unix_socket_test, a_sender_of_datagrams_waits_for_a_slow_receiver) {
  weft::test::run([] {
    const temporary_folder folder;
    for (const bool connected : {true, false}) {
      constexpr std::uint32_t count = 500;  // a queue holds a dozen
      unix_datagram server{folder / "server"};
      group g;
      g.spawn([&] {
        unix_datagram client{""};
        if (connected) client.set_peer(server.local_address());
        for (std::uint32_t i = 0; i < count; ++i) {
          const auto bytes = std::as_bytes(std::span(&i, 1));
          connected ? client.send(bytes) : client.send_to(bytes, server.local_address());
        }
      });
      for (std::uint32_t i = 0; i < count; ++i) {
        std::uint32_t number = 0;
        EXPECT_EQ(server.receive(std::as_writable_bytes(std::span(&number, 1))).size, sizeof number);
        EXPECT_EQ(number, i);
        if (i % 50 == 0) weft::yield();
      }
    }
  });
}

TEST_F(unix_socket_test, a_waiting_sender_of_datagrams_can_be_cancelled) {
  weft::test::run([] {
    const temporary_folder folder;
    const unix_datagram server{folder / "server"};
    unix_datagram connected = unix_datagram::connect(server.local_address());
    unix_datagram free{""};
    EXPECT_THROW(with_deadline(5ms,
                               [&] {
                                 for (;;) connected.send("x");
                               }),
                 timeout_error);
    EXPECT_THROW(with_deadline(5ms,
                               [&] {
                                 for (;;) free.send_to("x", server.local_address());
                               }),
                 timeout_error);
  });
}

TEST_F(unix_socket_test, ordinary_threads_may_use_them) {
  const temporary_folder folder;
  unix_listener listener{folder / "socket"};
  std::thread serving([&] {
    unix_stream s = listener.accept();
    echo(s);
  });
  unix_stream client = unix_stream::connect(listener.local_address());
  client.write_all("plain");
  std::array<std::byte, 5> back{};
  EXPECT_TRUE(client.read_exactly(back));
  EXPECT_EQ(text_of(back), "plain");
  client.close();
  serving.join();
  auto [a, b] = make_socket_pair();
  a.send_descriptors(0, std::as_bytes(std::span("x", 1)));
  EXPECT_EQ(b.receive_descriptors(back).descriptors.size(), 1U);
}

}  // namespace
}  // namespace weft::io::test
