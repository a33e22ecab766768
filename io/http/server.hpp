// An HTTP/1.1 server: a fiber for each connection, on which a function answers one request after another.
//
//   weft::io::http::server server([](weft::io::http::request& r) { return weft::io::http::text("hello " + std::string(r.path())); });
//   weft::io::tcp_listener listener{"127.0.0.1:8080"};
//   server.serve(listener);                                    // parks until drain(), or its scope is cancelled
//
// It speaks HTTP/1.1 and 1.0: connections are kept, requests may be sent ahead of their answers (they are answered in turn), bodies come and go whole,
// in chunks or piece by piece, Expect: 100-continue is answered when the body is first asked for, HEAD gets the header of the answer only.
// Requests that two servers might understand differently are refused (two lengths, a length and chunks, folded hosts, bare line feeds).
// Slow, silent and greedy clients are limited by server_options. For TLS see https.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <weft/io/any_stream.hpp>
#include <weft/io/http/message.hpp>
#include <weft/io/tcp.hpp>

namespace weft::io::http {

namespace detail {
class body_source;
class server_core;
class server_connection;
}  // namespace detail

// A request that has come: its header; its body is read from it. Lives until the answer to it is sent, streamed body included; used by the handler's
// fiber, or by others that it waits for.
class request {
 public:
  request(const request&) = delete;
  request& operator=(const request&) = delete;

  [[nodiscard]] std::string_view method() const noexcept { return method_; }
  // As it was sent: "/search?q=weft"; "*" and whole URLs are possible.
  [[nodiscard]] std::string_view target() const noexcept { return target_; }
  // The target up to the question mark, and after it. Not decoded.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::string_view query() const noexcept;
  // 10 or 11.
  [[nodiscard]] int version() const noexcept { return version_; }
  [[nodiscard]] const fields& headers() const noexcept { return headers_; }
  // The value of the first field of that name, empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    return headers_.find(name).value_or("");
  }
  // The fields after a body that came in chunks; complete when read_some() has returned 0, and none before.
  [[nodiscard]] const fields& trailers() const noexcept { return trailers_; }
  // Who asks.
  [[nodiscard]] const address& peer() const noexcept { return *peer_; }

  // Bytes of the body, at least one; 0 at its end. Throws error(400, 408, 413, 431), which a handler lets pass, and std::system_error when the
  // connection fails. What a handler does not read is dropped. Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  // The same, with the error reported: 0 and a code, which for what the client does wrong is EPROTO, EMSGSIZE (too long) or ETIMEDOUT.
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  // The rest of the body. Throws error(413) if it is longer than that, and the server's own limit of course. Parks.
  [[nodiscard]] std::string text(std::size_t limit = 1 << 20);
  [[nodiscard]] std::string text(std::size_t limit, std::error_code& error);

 private:
  friend class detail::server_connection;
  request() = default;

  std::string method_;
  std::string target_;
  int version_ = 11;
  fields headers_;
  fields trailers_;
  const address* peer_ = nullptr;
  detail::body_source* body_ = nullptr;
};

// An answer. How long the body is, whether it goes in chunks and whether the connection is kept is told by the server: fields that say such things
// are left out, but for "Connection: close".
struct response {
  int status = 200;
  fields headers = {};
  std::string body = {};
  // In place of `body`. Its function runs on the handler's fiber when the header is sent; if it throws, the connection is cut, so that the
  // client sees that something is missing.
  std::optional<body_stream> stream = {};
};

// An answer that is a text.
[[nodiscard]] response text(std::string body, int status = 200, std::string_view type = "text/plain; charset=utf-8");

// Time limits are for what a client does, or leaves undone; a handler may take as long as it likes. All of them are more than 0.
struct server_options {
  // Longest header of a request, in bytes: 431 beyond it.
  std::size_t header_limit = 16 << 10;
  // Longest body, in bytes: 413 beyond it.
  std::uint64_t body_limit = 16 << 20;
  // From the first byte of a request to the end of its header: 408, and the connection ends. Also for a TLS handshake.
  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);
  // How long a connection may be idle before a request's first byte; then it ends.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  // How long a client may leave a handler waiting for its body, and be slower than 1 KiB a second altogether: 408.
  std::chrono::nanoseconds body_timeout = std::chrono::seconds(30);
  // How long a client may refuse to take any of its answer; then the connection is cut.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
  // Connections at once; more of them wait to be accepted.
  std::size_t max_connections = 10'000;
  // How long drain() lets requests in flight go on before they are cancelled.
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds(10);
  // Told of what handlers threw (but http::error below 500), with the request, and of failures to accept or to shake hands, without one. What a client
  // does wrong is not told. Called on the fibers concerned, many at once; must not throw.
  std::function<void(std::exception_ptr, const request*)> on_error = {};
  // Told of each request that was answered, and with what status: for a log. As above.
  std::function<void(const request&, int status)> on_answer = {};
};

struct server_statistics {
  std::size_t connections = 0;  // now
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
};

// Makes another stream of a connection that was accepted, on that connection's fiber: see over_tls() in https.hpp.
using stream_wrapper = std::function<any_stream(tcp_stream)>;

// Any number of serve() at once. Must outlive them.
class server {
 public:
  // Answers requests; many at once, each connection's one after another. Throws error for an answer with that status; whatever else it
  // throws is a 500. If it is cancelled the connection ends.
  using handler = std::function<response(request&)>;

  explicit server(handler h, server_options options = {});
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  // Accepts and serves. Returns when, after drain() or the end of the listener (closed elsewhere), all connections have ended. When its scope is
  // cancelled it cancels them all and throws `cancelled`. Without a descriptor for the next connection it tells on_error, once for each shortage, and tries again.
  void serve(tcp_listener& listener, const stream_wrapper& wrap = {});

  // Has serve() return: no more is accepted, idle connections end at once, requests in flight are answered with "Connection: close" within
  // drain_timeout, then cancelled. For good. Any thread; never parks.
  void drain() noexcept;

  [[nodiscard]] server_statistics statistics() const noexcept;

 private:
  std::unique_ptr<detail::server_core> core_;
};

}  // namespace weft::io::http
