// weft's streams as Boost.Asio's and Boost.Beast's.
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>

#include <weft/io/asio.hpp>

#include "io_support.hpp"

namespace weft::io::test {
namespace {

namespace asio = boost::asio;
using asio_stream_test = io_test;

static_assert(boost::beast::is_sync_stream<tcp_stream>::value);
static_assert(boost::beast::is_sync_read_stream<pipe_reader>::value);
static_assert(boost::beast::is_sync_write_stream<pipe_writer>::value);
static_assert(!boost::beast::is_sync_write_stream<pipe_reader>::value);

TEST_F(asio_stream_test, sequences_of_buffers_go_in_one_call) {
  weft::test::run([] {
    connection c = connect_pair();
    const std::array<asio::const_buffer, 3> three{asio::buffer("ab", 2), asio::const_buffer(), asio::buffer("cdef", 4)};
    EXPECT_EQ(c.client.write_some(three), 6U);
    std::array<char, 3> first{};
    std::array<char, 8> second{};
    const std::array<asio::mutable_buffer, 2> two{asio::buffer(first), asio::buffer(second)};
    boost::system::error_code e;
    EXPECT_EQ(c.server.read_some(two, e), 6U);
    EXPECT_FALSE(e);
    EXPECT_EQ(std::string_view(first.data(), 3), "abc");
    EXPECT_EQ(std::string_view(second.data(), 3), "def");
  });
}

TEST_F(asio_stream_test, asios_algorithms_park_the_fiber) {
  weft::test::run([] {
    connection c = connect_pair();
    const std::size_t size = 3'000'000;
    group g;
    g.spawn([&] {
      const std::vector<std::byte> bytes = make_pattern(4, 0, size);
      const std::array<asio::const_buffer, 2> halves{asio::buffer(bytes.data(), size / 2),
                                                     asio::buffer(bytes.data() + size / 2, size / 2)};
      EXPECT_EQ(asio::write(c.client, halves), size);
      asio::write(c.client, asio::buffer("a line\nmore", 11));
      c.client.close();
    });
    std::vector<std::byte> got(size);
    const std::array<asio::mutable_buffer, 2> parts{asio::buffer(got.data(), 1'000),
                                                    asio::buffer(got.data() + 1'000, size - 1'000)};
    EXPECT_EQ(asio::read(c.server, parts), size);
    EXPECT_EQ(matching(got, 4, 0), size);
    asio::streambuf line;
    EXPECT_EQ(asio::read_until(c.server, line, '\n'), 7U);
    boost::system::error_code e;
    asio::read(c.server, line, e);
    EXPECT_EQ(e, asio::error::eof);
    EXPECT_EQ(line.size(), 11U);
  });
}

TEST_F(asio_stream_test, the_end_and_errors_are_asios) {
  weft::test::run([] {
    connection c = connect_pair();
    c.server.close();
    std::array<char, 4> bytes{};
    boost::system::error_code e;
    EXPECT_EQ(c.client.read_some(asio::buffer(bytes), e), 0U);
    EXPECT_EQ(e, asio::error::eof);
    EXPECT_EQ(c.client.read_some(asio::mutable_buffer(), e), 0U);
    EXPECT_FALSE(e) << "no room is no end";
    EXPECT_THROW(c.client.read_some(asio::buffer(bytes)), boost::system::system_error);
    c.client.close();
    c.client.write_some(asio::buffer(bytes), e);
    EXPECT_EQ(e, boost::system::errc::bad_file_descriptor);
  });
}

TEST_F(asio_stream_test, pipes_and_plain_spans_still_work) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    EXPECT_EQ(writer.write_some(std::as_bytes(std::span("xy", 2))), 2U);
    EXPECT_EQ(writer.write_some(asio::buffer("z", 1)), 1U);
    std::array<char, 4> bytes{};
    EXPECT_EQ(reader.read_some(asio::buffer(bytes)), 3U);
    writer.close();
    EXPECT_EQ(reader.read_some(std::as_writable_bytes(std::span(bytes))), 0U);
  });
}

TEST_F(asio_stream_test, a_vectored_read_waits_and_is_cancelled) {
  weft::test::run([] {
    connection c = connect_pair();
    std::array<char, 2> a{};
    std::array<char, 2> b{};
    const std::array<iovec, 2> two{iovec{a.data(), 2}, iovec{b.data(), 2}};
    {
      const std::uint64_t before = operations();
      group g;
      g.spawn([&] {
        c.client.read_vectors(two);
        ADD_FAILURE() << "nothing was sent";
      });
      yield_until([&] { return operations() > before; });
      g.cancel();
    }
    group h;
    h.spawn([&] { EXPECT_EQ(c.client.read_vectors(two), 3U); });
    c.server.write_all("123");
    h.join();
    EXPECT_EQ(b[0], '3');
  });
}

TEST_F(asio_stream_test, a_vectored_write_waits_for_a_slow_reader) {
  weft::test::run([] {
    connection c = connect_pair();
    const std::size_t half = 4'000'000;
    const std::vector<std::byte> bytes = make_pattern(6, 0, 2 * half);
    group g;
    g.spawn([&] {
      std::size_t sent = 0;
      while (sent < bytes.size()) {
        auto* at = const_cast<std::byte*>(bytes.data() + sent);
        const std::size_t first = std::min<std::size_t>(7, bytes.size() - sent);
        const std::array<iovec, 2> two{iovec{at, first}, iovec{at + first, bytes.size() - sent - first}};
        sent += c.server.write_vectors(two);
      }
      c.server.close();
    });
    std::vector<std::byte> part(100'000);
    std::size_t got = 0;
    while (const std::size_t n = c.client.read_some(part)) {
      ASSERT_EQ(matching(std::span(part).first(n), 6, got), n);
      got += n;
    }
    EXPECT_EQ(got, bytes.size());
  });
}

}  // namespace
}  // namespace weft::io::test
