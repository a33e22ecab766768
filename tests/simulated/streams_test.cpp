// What stands on byte streams, over many seeds: all bytes arrive, errors come out once, every schedule ends.
#include "simulated_support.hpp"

#include <weft/io/buffered.hpp>
#include <weft/io/copy.hpp>
#include <weft/io/process.hpp>
#include <weft/io/unix_socket.hpp>
#include <weft/sync/channel.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using streams_test = io_test;

// A number of lines whose lengths differ.
std::string line(int i) { return std::string(static_cast<std::size_t>(i * 37 % 90), static_cast<char>('a' + i % 26)); }

TEST_F(streams_test, lines_arrive_as_they_were_sent) {
  explore({}, 1'500, [] {
    auto [reader, writer] = make_pipe();
    group g;
    g.spawn([&writer] {
      buffered_writer out(writer, 64);
      for (int i = 0; i < 12; ++i) out.write_all(line(i) + "\n");
      out.flush();
      writer.close();
    });
    buffered_reader in(reader, 32);
    int i = 0;
    for (const std::string& got : in.lines()) EXPECT_EQ(got, line(i++));
    EXPECT_EQ(i, 12);
  });
}

// What comes is the beginning of what was sent, and all of it unless somebody was told of an error.
TEST_F(streams_test, a_connection_that_is_reset_has_told_no_lies) {
  int reset = 0;
  int whole = 0;
  const fault_counts n = explore({.resets = 25}, 1'500, [&] {
    auto [one, other] = make_socket_pair();
    bool told = false;
    group g;
    g.spawn([&told, &one] {
      try {
        buffered_writer out(one, 50);
        for (int i = 0; i < 10; ++i) out.write_all(line(i) + "\n");
        out.flush();
        one.shutdown_write();
      } catch (const std::system_error& e) {
        EXPECT_TRUE(e.code().value() == EPIPE || e.code().value() == ECONNRESET) << e.what();
        told = true;
      }
    });
    std::string all;
    try {
      all = buffered_reader(other, 40).read_rest();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code().value(), ECONNRESET) << e.what();
      told = true;
    }
    g.join();
    std::string sent;
    for (int i = 0; i < 10; ++i) sent += line(i) + "\n";
    EXPECT_TRUE(sent.starts_with(all) || told);
    EXPECT_TRUE(all == sent || told);
    ++(told ? reset : whole);
  });
  EXPECT_GT(n.resets, 0U);
  EXPECT_GT(reset, 0);
  EXPECT_GT(whole, 0);
}

TEST_F(streams_test, copies_are_whole) {
  explore({}, 1'000, [] {
    auto [first_out, first_in] = make_pipe();
    auto [one, other] = make_socket_pair();
    group g;
    g.spawn([&first_in] {
      for (std::size_t at = 0; at < 2'000; at += 400) first_in.write_all(make_pattern(3, at, 400));
      first_in.close();
    });
    g.spawn([&first_out, &one] {
      EXPECT_EQ(copy(first_out, one), 2'000U);
      one.shutdown_write();
    });
    std::vector<std::byte> bytes(2'001);
    std::size_t got = 0;
    while (const std::size_t n = other.read_some(std::span(bytes).subspan(got))) got += n;
    EXPECT_EQ(got, 2'000U);
    EXPECT_EQ(matching(std::span(bytes).first(got), 3, 0), got);
  });
}

// Readers of several pipes feed one channel: each byte once, those of a pipe in their order.
TEST_F(streams_test, channels_between_pipes) {
  explore({}, 1'000, [] {
    std::array<std::string, 3> got;
    auto [send, receive] = make_channel<std::pair<std::size_t, char>>(2);
    group g;
    for (std::size_t p = 0; p < got.size(); ++p) {
      auto [reader, writer] = make_pipe();
      g.spawn([p, from = std::move(reader), send = send]() mutable {
        std::array<std::byte, 4> part{};
        while (const std::size_t n = from.read_some(part)) {
          for (const char byte : text_of(std::span(part).first(n))) EXPECT_TRUE(send.send({p, byte}));
        }
      });
      g.spawn([to = std::move(writer)]() mutable { to.write_all("abcdefgh"); });
    }
    send = {};
    for (const auto& [from, byte] : receive) got.at(from) += byte;
    for (const std::string& s : got) EXPECT_EQ(s, "abcdefgh");
  });
}

TEST_F(streams_test, files_are_whole_or_the_error_is_told) {
  const temporary_folder folder;
  const std::string name = (folder / "file").string();
  int failed = 0;
  explore({.shortages = 20, .broken = 30}, 400, [&] {
    try {
      {
        file out(name, open_mode::write | open_mode::create | open_mode::truncate);
        out.write_all(make_pattern(4, 0, 700));
        out.write_all(make_pattern(4, 700, 900));
        out.close();
      }
      file in(name);
      std::vector<std::byte> bytes(1'700);
      std::size_t got = 0;
      while (const std::size_t n = in.read_some(std::span(bytes).subspan(got))) got += n;
      EXPECT_EQ(got, 1'600U);
      EXPECT_EQ(matching(std::span(bytes).first(got), 4, 0), got);
    } catch (const std::system_error&) {
      ++failed;
    }
  });
  EXPECT_GT(failed, 0);
}

// The child is real, and not interfered with; what we read and write is.
TEST_F(streams_test, a_child_process_gets_and_gives_all) {
  explore({}, 60, [] {
    std::string text;
    for (int i = 0; i < 30; ++i) text += line(i) + "\n";
    const command_output o = run_command({"cat"}, {.input = text});
    EXPECT_TRUE(o.status.success());
    EXPECT_EQ(o.output, text);
  });
}

}  // namespace
}  // namespace weft::io::test
