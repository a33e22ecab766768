#include "io_support.hpp"

#include <algorithm>
#include <stdexcept>

namespace weft::io::test {
namespace {

using buffered_test = io_test;

// A stream in memory that gives and takes a few bytes at a time.
struct slow_text {
  std::string text;
  std::size_t most = 3;
  std::size_t at = 0;
  std::size_t calls = 0;

  std::size_t read_some(std::span<std::byte> into) {
    ++calls;
    const std::size_t n = std::min({into.size(), most, text.size() - at});
    if (n != 0) std::memcpy(into.data(), text.data() + at, n);
    at += n;
    return n;
  }
  std::size_t write_some(std::span<const std::byte> data) {
    ++calls;
    const std::size_t n = std::min(data.size(), most);
    text += text_of(data.first(n));
    return n;
  }
};
static_assert(readable_stream<slow_text> && writable_stream<slow_text>);
static_assert(readable_stream<tcp_stream&> && writable_stream<pipe_writer&> && readable_stream<file>);
static_assert(readable_stream<buffered_reader<tcp_stream&>> && writable_stream<buffered_writer<file&>>);

std::vector<std::string> lines_of(std::string text, std::size_t capacity, const line_options& o = {}) {
  buffered_reader reader(slow_text{.text = std::move(text)}, capacity);
  std::vector<std::string> lines;
  for (std::string& line : reader.lines(o)) lines.push_back(std::move(line));
  return lines;
}

using strings = std::vector<std::string>;

TEST_F(buffered_test, lines_come_without_their_ends) {
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{2}, std::size_t{7}, default_buffer_size}) {
    EXPECT_EQ(lines_of("", capacity), strings());
    EXPECT_EQ(lines_of("\n", capacity), strings{""});
    EXPECT_EQ(lines_of("one\ntwo\r\n\n\r\nlast", capacity), (strings{"one", "two", "", "", "last"}));
    EXPECT_EQ(lines_of("one\r\r\ntwo\r", capacity), (strings{"one\r", "two\r"})) << "a lone '\\r' is no end";
    EXPECT_EQ(lines_of("one\r\n", capacity, {.carriage_return = false}), strings{"one\r"});
    EXPECT_EQ(lines_of(std::string("a\0b\n", 4), capacity), strings{std::string("a\0b", 3)});
  }
}

TEST_F(buffered_test, a_line_beyond_the_limit_is_an_error) {
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{7}, default_buffer_size}) {
    EXPECT_EQ(lines_of("12345\n12345\r\n12345", capacity, {.limit = 5}).size(), 3U);
    for (const std::string text : {"123456\n", "123456", "12345\r", "123456\r\n", "1234567\r\n"}) {
      const std::system_error e = error_of([&] { lines_of(text, capacity, {.limit = 5}); });
      EXPECT_EQ(e.code().value(), EMSGSIZE) << text;
      EXPECT_NE(std::string_view(e.what()).find("a line of more than 5 bytes"), std::string_view::npos) << e.what();
    }
    EXPECT_EQ(lines_of(std::string(100'000, 'x'), capacity, {.limit = std::string::npos}).size(), 1U);
  }
}

TEST_F(buffered_test, pieces_bytes_and_peeking) {
  buffered_reader reader(slow_text{.text = "key=value;rest of it"}, 8);
  EXPECT_EQ(reader.read_until('='), "key");
  EXPECT_EQ(text_of(reader.peek(8)), "value;re");
  EXPECT_EQ(text_of(reader.peek(3)), "value;re");
  reader.drop(2);
  EXPECT_EQ(reader.read_until(';'), "lue");
  std::array<std::byte, 4> four{};
  EXPECT_TRUE(reader.read_exactly(four));
  EXPECT_EQ(text_of(four), "rest");
  EXPECT_EQ(error_of([&] { (void)reader.peek(9); }).code().value(), EMSGSIZE);
  EXPECT_EQ(reader.read_until(';', 6), " of it");
  EXPECT_EQ(reader.read_until(';'), std::nullopt);
  EXPECT_TRUE(reader.peek(4).empty());
  EXPECT_FALSE(reader.read_exactly(four));
  EXPECT_EQ(reader.read_some(four), 0U);

  buffered_reader other(slow_text{.text = "12345"});
  EXPECT_EQ(error_of([&] { (void)other.read_until(';', 4); }).code().value(), EMSGSIZE);
  buffered_reader cut_off(slow_text{.text = "123"});
  EXPECT_EQ(error_of([&] { (void)cut_off.read_exactly(four); }).code().value(), ECONNABORTED);
  buffered_reader rest(slow_text{.text = "all of this"}, 4);
  EXPECT_EQ(rest.read_until(' '), "all");
  EXPECT_EQ(rest.read_rest(7), "of this");
  buffered_reader long_rest(slow_text{.text = "12345"}, 4);
  EXPECT_EQ(error_of([&] { (void)long_rest.read_rest(4); }).code().value(), EMSGSIZE);
}

TEST_F(buffered_test, large_reads_go_past_the_buffer) {
  slow_text source{.text = std::string(100, 'x'), .most = 1'000};
  buffered_reader reader(source, 10);
  std::array<std::byte, 50> many{};
  EXPECT_EQ(reader.read_some(many), 50U);
  EXPECT_EQ(reader.buffered(), 0U);
  EXPECT_EQ(reader.read_some(std::span(many).first(1)), 1U);
  EXPECT_EQ(reader.buffered(), 9U);
  EXPECT_EQ(reader.read_some(many), 9U) << "what is buffered first";
  EXPECT_EQ(source.calls, 2U);
  EXPECT_EQ(reader.read_some({}), 0U);
  buffered_reader moved = std::move(reader);
  EXPECT_EQ(moved.read_some(many), 40U);
}

TEST_F(buffered_test, what_is_written_goes_out_when_the_buffer_is_full_or_flushed) {
  slow_text sink{.text = {}, .most = 1'000};
  {
    buffered_writer writer(sink, 10);
    writer.write_all("1234");
    writer.write_all("5678");
    EXPECT_EQ(sink.text, "");
    EXPECT_EQ(writer.buffered(), 8U);
    writer.write_all("9abc");
    EXPECT_EQ(sink.text, "12345678");
    writer.write_all(std::string(30, 'x'));
    EXPECT_EQ(sink.text, "123456789abc" + std::string(30, 'x'));
    writer.flush();
    writer.write_all("end");
    buffered_writer moved = std::move(writer);
    EXPECT_EQ(moved.buffered(), 3U);
    EXPECT_EQ(writer.buffered(), 0U);  // NOLINT(bugprone-use-after-move): that is what is tested
  }
  EXPECT_TRUE(sink.text.ends_with("xend")) << "the destructor writes what is left";
}

TEST_F(buffered_test, the_destructor_writes_nothing_while_an_exception_passes) {
  slow_text sink;
  try {
    buffered_writer writer(sink);
    writer.write_all("half of it");
    throw std::runtime_error("something went wrong");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(sink.text, "");
}

struct broken_stream {
  std::size_t write_some(std::span<const std::byte> /*data*/) { throw std::runtime_error("it is broken"); }
};

TEST_F(buffered_test, the_destructor_tells_what_is_lost) {
  testing::internal::CaptureStderr();
  {
    buffered_writer writer(broken_stream{});
    writer.write_all("12345");
    EXPECT_THROW(writer.flush(), std::runtime_error);
  }
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find("5 bytes"), std::string::npos) << told;
  EXPECT_NE(told.find("it is broken"), std::string::npos) << told;
}

TEST_F(buffered_test, lines_over_a_connection) {
  weft::test::run([] {
    connection c = connect_pair();
    group g;
    g.spawn([&] {
      buffered_reader in(c.server);
      buffered_writer out(c.server);
      for (const std::string& line : in.lines()) {
        out.write_all("you said " + line + "\n");
        if (in.buffered() == 0) out.flush();
      }
    });
    buffered_reader in(c.client);
    c.client.write_all("one\ntwo\r\n");
    EXPECT_EQ(in.read_line(), "you said one");
    EXPECT_EQ(in.read_line(), "you said two");
    c.client.write_all("last");
    c.client.shutdown_write();
    EXPECT_EQ(in.read_line(), "you said last");
    g.join();
    c.server.close();
    EXPECT_EQ(in.read_line(), std::nullopt);
  });
}

TEST_F(buffered_test, a_cancelled_reader_has_lost_nothing) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    buffered_reader in(reader);
    writer.write_all("beginning of a ");
    const std::uint64_t before = operations();
    {
      group g;
      g.spawn([&] { (void)in.peek(20); });
      yield_until([&] { return operations() > before; });
      g.cancel();
    }
    writer.write_all("line\n");
    EXPECT_EQ(in.read_line(), "beginning of a line");
  });
}

TEST_F(buffered_test, copies_from_stream_to_stream) {
  weft::test::run([] {
    const temporary_folder folder;
    const auto data = make_pattern(4, 0, 3'000'001);
    file(folder / "from", open_mode::write | open_mode::create).write_all(data);
    auto [reader, writer] = make_pipe();
    group g;
    g.spawn([&folder, &writer = writer] {
      EXPECT_EQ(copy(file(folder / "from"), writer), 3'000'001U);
      writer.close();
    });
    connection c = connect_pair();
    g.spawn([&c, &reader = reader] {
      EXPECT_EQ(copy(reader, c.client), 3'000'001U);
      c.client.shutdown_write();
    });
    file to(folder / "to", open_mode::read_write | open_mode::create);
    EXPECT_EQ(copy(c.server, to), 3'000'001U);
    g.join();
    const std::string copied = read_file(folder / "to");
    EXPECT_EQ(matching(std::as_bytes(std::span(copied)), 4, 0), data.size());
  });
}

TEST_F(buffered_test, a_copy_may_be_limited) {
  slow_text from{.text = "0123456789"};
  slow_text to;
  EXPECT_EQ(copy(from, to, 7), 7U);
  EXPECT_EQ(to.text, "0123456");
  EXPECT_EQ(copy(from, to), 3U);
  EXPECT_EQ(copy(from, to, 0), 0U);
  EXPECT_EQ(to.text, "0123456789");
}

TEST_F(buffered_test, a_copy_is_cancelled_while_it_waits) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    slow_text to;
    const std::uint64_t before = operations();
    group g;
    g.spawn([&to, &reader = reader] { copy(reader, to); });
    yield_until([&] { return operations() > before; });
    g.cancel();
    g.join();
    EXPECT_EQ(to.text, "");
  });
}

}  // namespace
}  // namespace weft::io::test
