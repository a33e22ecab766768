#include "io_support.hpp"

#include <csignal>

namespace weft::io::test {
namespace {

using pipe_test = io_test;

TEST_F(pipe_test, a_reader_waits_for_its_writer) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    const std::uint64_t before = operations();
    group g;
    const task<void> reading = g.spawn([&reader] {
      std::array<std::byte, 16> bytes{};
      EXPECT_EQ(reader.read_some(bytes), 5U);
      EXPECT_EQ(text_of(std::span(bytes).first(5)), "hello");
      EXPECT_EQ(reader.read_some(bytes), 0U) << "the end comes when the writer is closed";
    });
    yield_until([&] { return operations() > before; });
    EXPECT_FALSE(reading.done());
    writer.write_all("hello");
    writer.close();
  });
}

TEST_F(pipe_test, a_writer_waits_for_room) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    constexpr std::size_t size = 1'000'000;  // many times what a pipe holds
    group g;
    g.spawn([&writer] {
      writer.write_all(make_pattern(3, 0, size));
      writer.close();
    });
    std::vector<std::byte> part(7'001);
    std::size_t got = 0;
    while (const std::size_t n = reader.read_some(part)) {
      ASSERT_EQ(matching(std::span(part).first(n), 3, got), n);
      got += n;
    }
    EXPECT_EQ(got, size);
  });
}

TEST_F(pipe_test, hundreds_of_pipes_at_once) {
  weft::test::run([] {
    constexpr int pipes = 300;
    static constexpr std::size_t size = 20'000;
    group g;
    for (int i = 0; i < pipes; ++i) {
      auto [reader, writer] = make_pipe();
      g.spawn([i, writer = std::move(writer)]() mutable {
        for (std::size_t place = 0; place < size; place += 500) {
          writer.write_all(make_pattern(static_cast<std::uint64_t>(i), place, 500));
          weft::yield();
        }
      });
      g.spawn([i, reader = std::move(reader)]() mutable {
        std::vector<std::byte> bytes(333);
        std::size_t got = 0;
        while (const std::size_t n = reader.read_some(bytes)) {
          EXPECT_EQ(matching(std::span(bytes).first(n), static_cast<std::uint64_t>(i), got), n);
          got += n;
        }
        EXPECT_EQ(got, size);
      });
    }
  });
}

// A token goes round a ring of pipes: each hop is a wait for a wake by I/O alone.
TEST_F(pipe_test, a_token_goes_round) {
  weft::test::run([] {
    constexpr std::size_t stations = 50;
    constexpr int rounds = 40;
    std::vector<pipe_reader> readers(stations);
    std::vector<pipe_writer> writers(stations);
    for (std::size_t i = 0; i < stations; ++i) std::tie(readers[i], writers[i]) = make_pipe();
    group g;
    for (std::size_t i = 0; i < stations; ++i) {
      g.spawn([&, i] {
        std::array<std::byte, 1> token{};
        for (int r = 0; r < rounds; ++r) {
          EXPECT_EQ(readers[i].read_some(token), 1U);
          EXPECT_EQ(token[0], static_cast<std::byte>(r));
          token[0] = static_cast<std::byte>(i + 1 == stations ? r + 1 : r);
          if (i + 1 != stations || r + 1 != rounds) writers[(i + 1) % stations].write_all(token);
        }
      });
    }
    writers[0].write_all(std::array{std::byte{0}});
  });
}

TEST_F(pipe_test, writing_to_nobody_is_an_error_where_the_signal_is_ignored) {
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGPIPE, &ignore, &before), 0);
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    reader.close();
    const std::system_error e = error_of([&writer] { writer.write_all("x"); });
    EXPECT_EQ(e.code().value(), EPIPE);
    EXPECT_NE(std::string_view(e.what()).find("cannot write to pipe"), std::string_view::npos) << e.what();
  });
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(pipe_test, empty_buffers_do_not_wait) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    EXPECT_EQ(reader.read_some({}), 0U);
    EXPECT_EQ(writer.write_some({}), 0U);
    writer.write_all(std::span<const std::byte>());
  });
}

TEST_F(pipe_test, errors_may_be_reported_instead_of_thrown) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    std::error_code error = std::make_error_code(std::errc::io_error);
    writer.write_all(std::as_bytes(std::span("abc", 3)), error);
    EXPECT_FALSE(error);
    EXPECT_EQ(writer.write_some(std::as_bytes(std::span("d", 1)), error), 1U);
    std::array<std::byte, 8> bytes{};
    EXPECT_EQ(reader.read_some(bytes, error), 4U);
    writer.close();
    EXPECT_EQ(reader.read_some(bytes, error), 0U);
    EXPECT_FALSE(error) << "the end is no error";
    EXPECT_EQ(writer.write_some(bytes, error), 0U);
    EXPECT_EQ(error, std::errc::bad_file_descriptor);
  });
}

}  // namespace
}  // namespace weft::io::test
