#include <weft/io/any_stream.hpp>

#include "io_support.hpp"

namespace weft::io::test {
namespace {

using any_stream_test = io_test;

static_assert(duplex_stream<tcp_stream>);
static_assert(duplex_stream<any_stream>);
static_assert(!duplex_stream<pipe_reader>);

TEST_F(any_stream_test, does_what_the_stream_in_it_does) {
  weft::test::run([] {
    connection c = connect_pair();
    const int fd = c.client.native_handle();
    any_stream s = std::move(c.client);
    EXPECT_EQ(s.native_handle(), fd);
    s.write_all("ping");
    std::array<std::byte, 4> bytes{};
    EXPECT_TRUE(c.server.read_exactly(bytes));
    EXPECT_EQ(text_of(bytes), "ping");
    c.server.write_all("pong");
    EXPECT_EQ(s.read_some(bytes), 4U);
    s.shutdown_write();
    EXPECT_EQ(c.server.read_some(bytes), 0U);
    s.close();
    EXPECT_FALSE(s.is_open());
  });
}

TEST_F(any_stream_test, an_empty_one_is_not_open) {
  any_stream none;
  EXPECT_FALSE(none.is_open());
  EXPECT_NO_THROW(none.close());
}

}  // namespace
}  // namespace weft::io::test
