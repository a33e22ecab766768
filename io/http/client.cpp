#include <weft/io/http/client.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <weft/io/connect.hpp>
#include <weft/io/http/detail/client_core.hpp>
#include <weft/io/http/detail/connection_lost.hpp>
#include <weft/io/http/detail/error_forms.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::io::http {

namespace detail {

namespace {

// A redirection's own body: worth reading if the connection can be kept for that.
constexpr std::size_t most_dropped = 64 << 10;

// A server's last word on a connection that nobody uses is that it ends; anything else that comes unasked makes it useless, too.
[[gnu::noinline]] bool is_alive(int fd) noexcept {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

[[noreturn]] void time_out(const std::string& what, const url& where) {
  throw std::system_error(std::make_error_code(std::errc::timed_out),
                          "weft::io::http: cannot " + what + " " + where.to_string());
}

[[noreturn]] void bad_response(const url& where, const std::string& why) {
  throw std::system_error(std::make_error_code(std::errc::protocol_error),
                          "weft::io::http: cannot understand the response of " + where.to_string() + " (" + why + ")");
}

std::string place_of(const url& u) { return u.scheme + "://" + u.authority(); }

bool belongs_to_client(std::string_view name) noexcept {
  return equal_ignoring_case(name, "Host") || equal_ignoring_case(name, "Content-Length") ||
         equal_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- client_core

any_stream client_core::take(const std::string& place) {
  const clock::time_point oldest = testing::now() - options.idle_timeout;
  const std::lock_guard guard(mutex_);
  std::vector<idle_connection>& kept = idle_[place];
  while (!kept.empty()) {
    idle_connection last = std::move(kept.back());
    kept.pop_back();
    if (last.since >= oldest && is_alive(last.stream.native_handle())) return std::move(last.stream);
  }
  return {};
}

void client_core::keep(const std::string& place, any_stream stream) {
  const std::lock_guard guard(mutex_);
  std::vector<idle_connection>& kept = idle_[place];
  if (kept.size() >= options.idle_connections) return;
  kept.push_back({.stream = std::move(stream), .since = testing::now()});
}

any_stream client_core::connect(const url& to) {
  if (to.scheme == "https" && !options.secure) {
    throw std::invalid_argument("weft::io::http: cannot fetch " + to.to_string() +
                                " without TLS: set client_options::secure (see <weft/io/http/https.hpp>)");
  }
  connections.fetch_add(1, std::memory_order_relaxed);
  try {
    return with_deadline(options.connect_timeout, [&]() -> any_stream {
      tcp_stream plain = io::connect(to.host, std::to_string(to.port));
      plain.set_no_delay(true);
      if (to.scheme != "https") return plain;
      return options.secure(std::move(plain), to.host);
    });
  } catch (const timeout_error&) {
    time_out("connect to", to);
  }
}

// ---------------------------------------------------------------------------------------------------- client_exchange

client_exchange::client_exchange(std::shared_ptr<client_core> core, url where, any_stream stream)
    : core_(std::move(core)),
      where_(std::move(where)),
      url_text_(where_.to_string()),
      stream_(std::move(stream)),
      out_(stream_, core_->options.write_timeout),
      reader_(*this, {.header = core_->options.header_limit, .body = std::nullopt}) {}

void client_exchange::write_head(const client_request& request) {
  std::string& out = out_.text();
  out.append(request.method).append(" ").append(where_.target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", where_.authority());
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const fields::field f = request.headers[i];
    if (!belongs_to_client(f.name)) append_field(out, f.name, f.value);
  }
  if (request.stream && !request.stream->size) {
    append_field(out, "Transfer-Encoding", "chunked");
  } else if (request.stream || !request.body.empty() || request.method == "POST" || request.method == "PUT") {
    append_field(out, "Content-Length", std::to_string(request.stream ? *request.stream->size : request.body.size()));
  }
  out += "\r\n";
}

void client_exchange::send(const client_request& request) {
  write_head(request);
  if (request.stream) {
    framed_body body(out_, request.stream->size ? framing::length : framing::chunks, request.stream->size);
    request.stream->write(body);
    body.finish();
  } else {
    out_.write(std::as_bytes(std::span(request.body)));
  }
  out_.flush();
}

template <class F>
auto client_exchange::within_limit(F f) {
  try {
    return with_deadline(core_->options.response_timeout, f);
  } catch (const timeout_error&) {
    time_out("get a response in time from", where_);
  } catch (const error& e) {
    bad_response(where_, e.what());
  }
}

// Interim responses (100, 103) are passed over.
void client_exchange::receive_header(const client_request& request) {
  within_limit([&] {
    do {
      reader_.begin(line_, headers_, trailers_, request.method == "HEAD");
      while (!reader_.parse_header()) {
        if (!reader_.receive_more()) {
          throw connection_lost(
              ECONNRESET, std::generic_category(),
              "weft::io::http: cannot get a response from " + url_text_ + ": it ended the connection");
        }
      }
    } while (line_.status / 100 == 1 && line_.status != 101);
  });
  if (const auto encoding = headers_.find("Transfer-Encoding");
      encoding && !equal_ignoring_case(*encoding, "chunked")) {
    bad_response(where_, "its Transfer-Encoding is unknown");
  }
  if (reader_.is_done()) give_back();
}

std::size_t client_exchange::read_body(std::span<std::byte> buffer) {
  if (buffer.empty() || reader_.is_done()) return 0;
  const std::size_t n = within_limit([&] { return reader_.read_body(buffer); });
  if (reader_.is_done()) give_back();
  return n;
}

void client_exchange::drop_body() {
  std::array<std::byte, 4096> part;
  std::size_t dropped = 0;
  while (dropped < most_dropped) {
    const std::size_t n = read_body(part);
    if (n == 0) return;
    dropped += n;
  }
}

void client_exchange::give_back() {
  if (!stream_.is_open() || !reader_.keep_alive() || reader_.has_bytes()) return;
  core_->keep(place_of(where_), std::move(stream_));
}

std::size_t client_exchange::receive(std::span<std::byte> buffer) { return stream_.read_some(buffer); }

}  // namespace detail

// ---------------------------------------------------------------------------------------------------- client_response

client_response::client_response(std::unique_ptr<detail::client_exchange> exchange) noexcept
    : exchange_(std::move(exchange)) {}
client_response::client_response(client_response&& other) noexcept = default;
client_response& client_response::operator=(client_response&& other) noexcept = default;
client_response::~client_response() = default;

int client_response::status() const noexcept { return exchange_->status(); }
const fields& client_response::headers() const noexcept { return exchange_->headers(); }
const fields& client_response::trailers() const noexcept { return exchange_->trailers(); }
const std::string& client_response::url() const noexcept { return exchange_->url_text(); }
std::size_t client_response::read_some(std::span<std::byte> buffer) { return exchange_->read_body(buffer); }

std::size_t client_response::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return detail::reporting(error, [&] { return read_some(buffer); });
}

std::string client_response::text(std::size_t limit, std::error_code& error) {
  return detail::reporting(error, [&] { return text(limit); });
}

std::string client_response::text(std::size_t limit) {
  std::string all;
  std::array<std::byte, 8192> part;
  while (const std::size_t n = read_some(part)) {
    if (n > limit - all.size()) {
      throw std::system_error(std::make_error_code(std::errc::message_size),
                              "weft::io::http: cannot hold the body of " + url());
    }
    all.append(reinterpret_cast<const char*>(part.data()), n);
  }
  return all;
}

// ---------------------------------------------------------------------------------------------------- client

namespace {

using detail::client_core;
using detail::client_exchange;
using exchange_ptr = std::unique_ptr<client_exchange>;

void check_method(const std::string& method) {
  const bool good =
      !method.empty() && std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  if (!good) throw std::invalid_argument("weft::io::http: '" + method + "' is no method: it has capital letters only");
}

bool may_be_repeated(const client_request& r) noexcept {
  return !r.stream && r.method != "POST" && r.method != "PATCH";
}

exchange_ptr exchange(const std::shared_ptr<client_core>& core, const url& where, any_stream stream,
                      const client_request& request) {
  auto e = std::make_unique<client_exchange>(core, where, std::move(stream));
  try {
    e->send(request);
  } catch (const detail::connection_lost&) {
    // A server that refuses the body says so and does not read on.
    try {
      e->receive_header(request);
      return e;
    } catch (const std::system_error&) {
    }
    throw;
  }
  e->receive_header(request);
  return e;
}

exchange_ptr send_once(const std::shared_ptr<client_core>& core, const url& where, const client_request& request) {
  core->requests.fetch_add(1, std::memory_order_relaxed);
  any_stream kept = core->take(where.scheme + "://" + where.authority());
  if (!kept.is_open()) return exchange(core, where, core->connect(where), request);
  core->reused.fetch_add(1, std::memory_order_relaxed);
  if (!may_be_repeated(request)) return exchange(core, where, std::move(kept), request);
  try {
    return exchange(core, where, std::move(kept), request);
  } catch (const std::system_error& e) {
    // The server closed it while the request was on its way.
    if (e.code() != std::errc::connection_reset && e.code() != std::errc::broken_pipe &&
        e.code() != std::errc::connection_aborted)
      throw;
  }
  return exchange(core, where, core->connect(where), request);
}

bool is_redirection(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Changes the request to what the redirection asks for.
void redirect(client_request& request, int status, const url& from, const url& to) {
  if (from.scheme == "https" && to.scheme == "http") {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "weft::io::http: cannot follow the redirection from " + from.to_string() + " to " +
                                to.to_string() + ", which is not encrypted");
  }
  if (from.authority() != to.authority()) {
    request.headers.erase("Authorization");
    request.headers.erase("Cookie");
  }
  const bool becomes_get =
      (status == 303 && request.method != "HEAD") || ((status == 301 || status == 302) && request.method == "POST");
  if (!becomes_get) return;
  request.method = "GET";
  request.body.clear();
  request.headers.erase("Content-Type");
}

}  // namespace

client::client(client_options options) : core_(std::make_shared<detail::client_core>(std::move(options))) {}
client::~client() = default;
client::client(client&& other) noexcept = default;
client& client::operator=(client&& other) noexcept = default;

client_response client::send(const client_request& given) {
  check_method(given.method);
  url where = url::parse(given.url);
  client_request request = given;
  for (unsigned followed = 0;; ++followed) {
    exchange_ptr e = send_once(core_, where, request);
    const auto location = e->headers().find("Location");
    if (core_->options.redirects == 0 || !is_redirection(e->status()) || !location || request.stream)
      return client_response(std::move(e));
    if (followed == core_->options.redirects) {
      throw std::system_error(std::make_error_code(std::errc::too_many_links),
                              "weft::io::http: cannot get " + given.url + ": it redirects on and on");
    }
    const url next = where.resolve(*location);
    const int status = e->status();
    e->drop_body();
    redirect(request, status, where, next);
    where = next;
  }
}

std::optional<client_response> client::send(const client_request& request, std::error_code& error) {
  return detail::reporting(error, [&] { return std::optional(send(request)); });
}

client_response client::get(std::string url) { return send({.url = std::move(url)}); }

client_response client::post(std::string url, std::string body, std::string_view type) {
  return send({.method = "POST", .url = std::move(url), .headers = {{"Content-Type", type}}, .body = std::move(body)});
}

std::optional<client_response> client::get(std::string url, std::error_code& error) {
  return send({.url = std::move(url)}, error);
}

std::optional<client_response> client::post(std::string url, std::string body, std::string_view type,
                                            std::error_code& error) {
  return send({.method = "POST", .url = std::move(url), .headers = {{"Content-Type", type}}, .body = std::move(body)},
              error);
}

client_statistics client::statistics() const noexcept {
  return {.requests = core_->requests.load(std::memory_order_relaxed),
          .connections = core_->connections.load(std::memory_order_relaxed),
          .reused = core_->reused.load(std::memory_order_relaxed)};
}

client_response get(std::string url, client_options options) { return client(std::move(options)).get(std::move(url)); }

}  // namespace weft::io::http
