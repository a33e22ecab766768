// An HTTP/1.1 client that keeps its connections.
//
//   weft::io::http::client client;
//   weft::io::http::client_response r = client.get("http://127.0.0.1:8080/list");
//   if (r.status() == 200) use(r.text());
//
// Any number of fibers use one client at once. A connection goes back to the client when a response has been read to its end. Each call that
// parks is a cancellation point and heeds deadlines; time limits of its own are errors (ETIMEDOUT). For https:// see https.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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
class client_core;
class client_exchange;
}  // namespace detail

// Makes an encrypted stream of a connection to the host: see to_tls() in https.hpp.
using secure_wrapper = std::function<any_stream(tcp_stream, const std::string& host)>;

struct client_options {
  // To find the host, connect to it, and agree on TLS.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(10);
  // From the sent request to the end of the response's header, and then between any two pieces of its body.
  std::chrono::nanoseconds response_timeout = std::chrono::seconds(30);
  // How long the server may refuse to take any of the request.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
  // Redirections that are followed for one request; 0: none, they are responses like others.
  unsigned redirects = 10;
  // Longest header of a response, in bytes.
  std::size_t header_limit = 64 << 10;
  // Idle connections that are kept for each host, and for how long.
  std::size_t idle_connections = 8;
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);
  // What https:// needs.
  secure_wrapper secure = {};
};

struct client_request {
  std::string method = "GET";
  std::string url = {};
  // Host, Content-Length and Transfer-Encoding are the client's.
  fields headers = {};
  std::string body = {};
  // In place of `body`. A request with one is sent once: it is neither repeated nor redirected.
  std::optional<body_stream> stream = {};
};

// A response whose body is still to be read. Move-only; one fiber at a time. Destroyed before the body's end it closes the connection.
class client_response {
 public:
  client_response(client_response&& other) noexcept;
  client_response& operator=(client_response&& other) noexcept;
  ~client_response();

  [[nodiscard]] int status() const noexcept;
  [[nodiscard]] const fields& headers() const noexcept;
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    return headers().find(name).value_or("");
  }
  // The fields after a body that came in chunks; complete when read_some() has returned 0, and none before.
  [[nodiscard]] const fields& trailers() const noexcept;
  // Where it came from in the end, redirections followed.
  [[nodiscard]] const std::string& url() const noexcept;

  // Bytes of the body, at least one; 0 at its end. Throws std::system_error, also where the body is cut short or not as it should be. Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  // The same, with the error reported: 0 and a code.
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  // The rest of the body. Throws std::system_error (EMSGSIZE) if it is longer than that. Parks.
  [[nodiscard]] std::string text(std::size_t limit = 64 << 20);
  [[nodiscard]] std::string text(std::size_t limit, std::error_code& error);

 private:
  friend class client;
  explicit client_response(std::unique_ptr<detail::client_exchange> exchange) noexcept;
  std::unique_ptr<detail::client_exchange> exchange_;
};

struct client_statistics {
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;  // that were made
  std::uint64_t reused = 0;       // requests that went over one made for an earlier one
};

// Responses may outlive it.
class client {
 public:
  explicit client(client_options options = {});
  ~client();
  client(client&& other) noexcept;
  client& operator=(client&& other) noexcept;

  // Sends a request and returns when the response's header is there. A kept connection that turns out to be closed is replaced once, if the request
  // may be repeated: it has no streamed body, and its method is not POST or PATCH. A redirection (301, 302, 303, 307, 308) is followed; to another
  // host without Authorization and Cookie, from https:// to http:// never. Throws std::system_error, std::invalid_argument for
  // a URL or method that is none. Parks.
  [[nodiscard]] client_response send(const client_request& request);
  // The same, with the error reported: a code and no response. What is wrong with the request itself is thrown all the same.
  [[nodiscard]] std::optional<client_response> send(const client_request& request, std::error_code& error);

  [[nodiscard]] client_response get(std::string url);
  [[nodiscard]] std::optional<client_response> get(std::string url, std::error_code& error);
  [[nodiscard]] client_response post(std::string url, std::string body,
                                     std::string_view type = "application/octet-stream");
  [[nodiscard]] std::optional<client_response> post(std::string url, std::string body, std::string_view type,
                                                    std::error_code& error);

  [[nodiscard]] client_statistics statistics() const noexcept;

 private:
  std::shared_ptr<detail::client_core> core_;
};

// By a client made for it.
[[nodiscard]] client_response get(std::string url, client_options options = {});

}  // namespace weft::io::http
