// weft's streams as Boost.Asio's SyncReadStream and SyncWriteStream, so that libraries written for these, such as Boost.Beast's blocking
// calls, run on fibers as they are. Include it where they are used; <weft/weft.hpp> does not.
//
//   weft::io::tcp_stream stream = weft::io::tcp_stream::connect("127.0.0.1:80");
//   boost::beast::flat_buffer buffer;
//   boost::beast::http::response<boost::beast::http::string_body> response;
//   boost::beast::http::read(stream, buffer, response);        // parks the fiber
//
// tcp_stream, tls_stream and the ends of pipes take buffer sequences in read_some and write_some; each call is one system call. Errors come as
// boost::system::error_code (the errno in the generic category, asio::error::eof at the end) or boost::system::system_error. The fiber's cancellation
// is thrown through the library as weft::cancelled: whatever object it left half-way is good for nothing but its destruction.
#pragma once

#include <system_error>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <weft/io/detail/asio_stream.hpp>

namespace weft::io::detail {

template <>
struct asio_errors<boost::system::error_code> {
  using error = boost::system::error_code;
  static error end_of_stream() noexcept { return boost::asio::error::eof; }
  static error from(const std::error_code& e) noexcept {
    if (e.category() == std::generic_category()) return {e.value(), boost::system::generic_category()};
    return e;
  }
  [[noreturn]] static void raise(const error& e, const char* what) { throw boost::system::system_error(e, what); }
};

template <class Buffers>
struct asio_error_for {
  using type = boost::system::error_code;
};

}  // namespace weft::io::detail
