#include <weft/io/http/detail/server_connection.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <weft/io/http/detail/connection_lost.hpp>
#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::io::http::detail {

namespace {

// What is read of a body that nobody wants, so that the connection can be kept or the client reads why not.
constexpr std::uint64_t most_dropped = 256 << 10;
constexpr std::chrono::seconds patience_at_end{2};
// A client that is slower than this, in bytes a second, is too slow.
constexpr std::uint64_t least_rate = 1 << 10;

bool has_no_body(int status) noexcept { return status / 100 == 1 || status == 204 || status == 304; }

// Fields that the server sets itself.
bool is_of_the_connection(std::string_view name) noexcept {
  using namespace std::string_view_literals;
  return std::ranges::any_of(
      std::array{"Content-Length"sv, "Transfer-Encoding"sv, "Connection"sv, "Keep-Alive"sv, "Upgrade"sv},
      [name](std::string_view n) { return equal_ignoring_case(n, name); });
}

}  // namespace

server_connection::server_connection(server_core& core, any_stream stream, const address& peer)
    : core_(core),
      stream_(std::move(stream)),
      peer_(peer),
      reader_(*this, {.header = core.options().header_limit, .body = core.options().body_limit}),
      out_(stream_, core.options().write_timeout) {
  request_.peer_ = &peer_;
  request_.body_ = this;
  entry_.fd = stream_.native_handle();
  core_.enlist(entry_);
}

server_connection::~server_connection() { core_.remove(entry_); }

void server_connection::run() {
  try {
    while (await_request() && read_header() && answer_request()) {
    }
  } catch (const error& e) {  // a header or the rest of a body that is wrong
    refuse(e);
  }
}

// ---------------------------------------------------------------------------------------------------- requests

bool server_connection::await_request() {
  if (core_.draining()) return false;
  if (reader_.has_bytes()) return true;
  if (!core_.set_idle(entry_)) return false;
  phase_ = phase::idle;
  const bool any = reader_.receive_more();
  entry_.idle.store(false, std::memory_order_relaxed);
  return any;
}

// False if the client leaves in the middle.
bool server_connection::read_header() {
  reader_.begin(line_, request_.headers_, request_.trailers_);
  phase_ = phase::header;
  bool cut_short = false;
  if (!reader_.parse_header()) {
    try {
      cut_short = with_deadline(core_.options().header_timeout, [this] {
        do {
          if (!reader_.receive_more()) return true;
        } while (!reader_.parse_header());
        return false;
      });
    } catch (const timeout_error&) {
      throw error(408, "the request took too long");
    }
  }
  if (cut_short) return false;
  check_request(line_, request_.headers_);
  request_.method_.swap(line_.method);
  request_.target_.swap(line_.target);
  request_.version_ = line_.version;
  continue_expected_ = line_.version == 11 && request_.headers_.lists("Expect", "100-continue");
  return true;
}

bool server_connection::answer_request() {
  phase_ = phase::body;
  body_begun_ = time_point{};
  body_received_ = 0;
  body_is_wrong_ = false;
  core_.count_request();
  response r = call_handler();
  const bool keep = send(r);
  core_.tell_answer(request_, r.status);
  return keep;
}

response server_connection::call_handler() {
  try {
    response r = core_.handler()(request_);
    if (r.status < 200 || r.status > 999)
      throw std::logic_error("weft::io::http: a handler answered with a status that is none");
    return r;
  } catch (const cancelled&) {
    throw;
  } catch (const connection_lost&) {
    throw;
  } catch (...) {
    return answer_to(std::current_exception());
  }
}

response server_connection::answer_to(const std::exception_ptr& what) {
  try {
    std::rethrow_exception(what);
  } catch (const error& e) {
    if (e.status() >= 500) core_.tell_error(what, &request_);
    response r = http::text(std::string(e.what()) + "\n", e.status());
    // Whether it comes from the body or from the handler itself: the rest of such a request is better not waited for.
    if (std::ranges::count(std::array{400, 408, 413, 431}, e.status()) != 0) r.headers.set("Connection", "close");
    return r;
  } catch (...) {
    core_.tell_error(what, &request_);
    return http::text("internal error\n", 500);
  }
}

// ---------------------------------------------------------------------------------------------------- answers

bool server_connection::send(response& r) {
  const bool unread = !reader_.is_done();
  const std::uint64_t left = reader_.body_left().value_or(0);
  // A client that waits to be told to send its body may send it after all, or not: nobody knows what comes next.
  const bool keep = reader_.keep_alive() && !core_.draining() && !body_is_wrong_ &&
                    !r.headers.lists("Connection", "close") && !(unread && (continue_expected_ || left > most_dropped));
  const bool without_body = request_.method_ == "HEAD" || has_no_body(r.status);
  const bool until_the_end = r.stream && !r.stream->size && request_.version_ == 10;
  const bool kept = keep && !until_the_end;
  write_head(r, without_body, kept);
  if (without_body) {
  } else if (r.stream) {
    send_stream(*r.stream);
  } else {
    out_.write(std::as_bytes(std::span(r.body)));
  }
  out_.flush();
  if (kept && (!unread || drop_rest_of_body())) return true;
  if (unread) {
    end_gently();
  } else {
    stream_.shutdown_write();
  }
  return false;
}

void server_connection::write_head(const response& r, bool without_body, bool keep) {
  std::string& out = out_.text();
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(r.status));
  out.append(" ").append(reason(r.status)).append("\r\n");
  if (!r.headers.contains("Date")) append_field(out, "Date", date_.now());
  for (std::size_t i = 0; i < r.headers.size(); ++i) {
    const fields::field f = r.headers[i];
    if (!is_of_the_connection(f.name)) append_field(out, f.name, f.value);
  }
  if (!keep) {
    out += "Connection: close\r\n";
  } else if (request_.version_ == 10) {
    out += "Connection: keep-alive\r\n";
  }
  const bool has_length = !r.stream || r.stream->size.has_value();
  if (has_length && !(without_body && has_no_body(r.status))) {
    out += "Content-Length: ";
    append_number(out, r.stream ? *r.stream->size : r.body.size());
    out += "\r\n";
  } else if (!has_length && request_.version_ == 11 && !has_no_body(r.status)) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  out += "\r\n";
}

void server_connection::send_stream(const body_stream& s) {
  const framing how = s.size ? framing::length : request_.version_ == 11 ? framing::chunks : framing::end_of_connection;
  framed_body body(out_, how, s.size);
  try {
    s.write(body);
    body.finish();
  } catch (const cancelled&) {
    throw;
  } catch (const connection_lost&) {
    throw;
  } catch (...) {
    core_.tell_error(std::current_exception(), &request_);
    throw connection_lost(ECONNABORTED, std::generic_category(), "weft::io::http: an answer could not be completed");
  }
}

// The connection ends with it: where the next request would begin is not known.
void server_connection::refuse(const error& e) {
  request_.version_ = 11;
  request_.method_.clear();
  response r = http::text(std::string(e.what()) + "\n", e.status());
  write_head(r, false, false);
  out_.write(std::as_bytes(std::span(r.body)));
  out_.flush();
  end_gently();
}

// False if there is too much of it, or it is wrong, for which it is too late now.
bool server_connection::drop_rest_of_body() {
  std::array<std::byte, 4096> part;
  std::uint64_t dropped = 0;
  try {
    while (const std::size_t n = read_body(part)) {
      dropped += n;
      if (dropped > most_dropped) return false;
    }
  } catch (const error&) {
    return false;
  }
  return true;
}

// Closing with bytes unread would reset the connection, and the client might never see the answer.
void server_connection::end_gently() {
  phase_ = phase::ending;
  stream_.shutdown_write();
  std::array<std::byte, 4096> part;
  try {
    with_deadline(patience_at_end, [&] {
      while (stream_.read_some(part) != 0) {
      }
    });
  } catch (const timeout_error&) {
  } catch (const std::system_error&) {
  }
}

// ---------------------------------------------------------------------------------------------------- receiving

std::size_t server_connection::read_body(std::span<std::byte> buffer) {
  if (reader_.is_done()) return 0;
  if (continue_expected_ && !reader_.has_bytes()) {
    out_.text() += "HTTP/1.1 100 Continue\r\n\r\n";
    out_.flush();
  }
  continue_expected_ = false;
  if (body_begun_ == time_point{}) body_begun_ = testing::now();
  try {
    const std::size_t n = reader_.read_body(buffer);
    body_received_ += n;
    return n;
  } catch (const std::system_error& e) {
    throw connection_lost(e);
  } catch (const error&) {
    body_is_wrong_ = true;
    throw;
  }
}

std::size_t server_connection::receive(std::span<std::byte> buffer) {
  switch (phase_) {
    case phase::idle:
      try {
        return receive_within(core_.options().idle_timeout, buffer);
      } catch (const timeout_error&) {
        return 0;
      }
    case phase::body:
      try {
        return receive_within(limit_for_body(), buffer);
      } catch (const timeout_error&) {
        throw error(408, "the request's body took too long");
      }
    case phase::header:  // has a limit for all of it
    case phase::ending:
      break;
  }
  return stream_.read_some(buffer);
}

std::size_t server_connection::receive_within(std::chrono::nanoseconds limit, std::span<std::byte> buffer) {
  return with_deadline(limit, [&] { return stream_.read_some(buffer); });
}

std::chrono::nanoseconds server_connection::limit_for_body() const {
  const std::chrono::nanoseconds allowed =
      core_.options().body_timeout + std::chrono::seconds(body_received_ / least_rate);
  const std::chrono::nanoseconds left = allowed - (testing::now() - body_begun_);
  return std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds(1), core_.options().body_timeout);
}

}  // namespace weft::io::http::detail
