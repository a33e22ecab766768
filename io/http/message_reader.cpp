#include <weft/io/http/detail/message_reader.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <weft/io/http/detail/connection_lost.hpp>
#include <weft/io/http/detail/trailers.hpp>
#include <weft/io/http/detail/unchecked_fields.hpp>

namespace weft::io::http::detail {

namespace {

constexpr std::size_t first_room = 4 << 10;
// A chunk's line, or a trailer; the parser wants each of them whole.
constexpr std::size_t longest_line = 16 << 10;

std::string_view view(boost::beast::string_view s) noexcept { return {s.data(), s.size()}; }

[[noreturn]] void refuse(int status, const std::string& why) { throw error(status, why); }

}  // namespace

// ---------------------------------------------------------------------------------------------------- input_buffer

std::span<std::byte> input_buffer::room(std::size_t limit) {
  if (end_ == bytes_.size() && begin_ != 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == bytes_.size()) bytes_.resize(std::min(limit, std::max(first_room, 2 * bytes_.size())));
  return std::as_writable_bytes(std::span(bytes_).subspan(std::min(end_, bytes_.size())));
}

// ---------------------------------------------------------------------------------------------------- message_parser

template <bool is_request>
void message_parser<is_request>::on_request_impl(beast::verb /*verb*/, text method, text target, int version,
                                                 error_code&) {
  line_->method.assign(method.data(), method.size());
  line_->target.assign(target.data(), target.size());
  line_->version = version;
}

template <bool is_request>
void message_parser<is_request>::on_response_impl(int status, text /*reason*/, int version, error_code&) {
  line_->status = status;
  line_->version = version;
}

template <bool is_request>
void message_parser<is_request>::on_field_impl(beast::field /*known*/, text name, text value, error_code& e) {
  if (!header_done_) return unchecked_fields::add(*header_, view(name), view(value));
  const std::size_t size = name.size() + value.size();
  if (size > trailer_room_) {
    e = beast::error::header_limit;
  } else if (!may_be_trailer(view(name))) {
    e = beast::error::bad_field;
  } else {
    trailer_room_ -= size;
    unchecked_fields::add(*trailers_, view(name), view(value));
  }
}

template <bool is_request>
void message_parser<is_request>::on_header_impl(error_code&) {
  header_done_ = true;
}

template <bool is_request>
void message_parser<is_request>::on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) {}

// Bytes that were received where they belong stay there.
template <bool is_request>
std::size_t message_parser<is_request>::on_body_impl(text part, error_code&) {
  const std::size_t n = std::min(part.size(), target_.size() - filled_);
  std::byte* to = target_.data() + filled_;
  if (reinterpret_cast<const char*>(to) != part.data()) std::memcpy(to, part.data(), n);
  filled_ += n;
  return n;
}

template <bool is_request>
void message_parser<is_request>::on_chunk_header_impl(std::uint64_t, text, error_code&) {}

template <bool is_request>
std::size_t message_parser<is_request>::on_chunk_body_impl(std::uint64_t /*left*/, text part, error_code& e) {
  return on_body_impl(part, e);
}

template <bool is_request>
void message_parser<is_request>::on_finish_impl(error_code&) {}

template class message_parser<true>;
template class message_parser<false>;

// ---------------------------------------------------------------------------------------------------- what is refused

int status_for(const error_code& e) noexcept {
  if (e == beast::error::header_limit || e == beast::error::buffer_overflow) return 431;
  if (e == beast::error::body_limit) return 413;
  if (e == beast::error::bad_version) return 505;
  return 400;
}

void check_request(const start_line& line, const fields& header) {
  if (line.version == 11 && header.count("Host") != 1) refuse(400, "a request needs one Host");
  if (const auto length = header.find("Content-Length")) {
    if (header.count("Content-Length") != 1 || length->find(',') != std::string_view::npos)
      refuse(400, "one Content-Length is enough");
  }
  if (const auto encoding = header.find("Transfer-Encoding")) {
    // The parser takes any other encoding for none at all, and a server behind a proxy must not guess where the body ends.
    if (line.version == 10) refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (header.count("Transfer-Encoding") != 1) refuse(400, "one Transfer-Encoding is enough");
    if (!equal_ignoring_case(*encoding, "chunked")) refuse(501, "no Transfer-Encoding but chunked is known here");
  }
}

// ---------------------------------------------------------------------------------------------------- message_reader

template <bool is_request>
bool message_reader<is_request>::receive_more() {
  const std::span<std::byte> room = buffer_.room(limits_.header + longest_line);
  if (room.empty()) refuse(431, "a line of the message is too long");
  const std::size_t n = from_->receive(room);
  buffer_.added(n);
  return n != 0;
}

template <bool is_request>
void message_reader<is_request>::begin(start_line& line, fields& header, fields& trailers, bool without_body) {
  header.clear();
  trailers.clear();
  parser_.emplace(line, header, trailers, limits_.header);
  parser_->header_limit(static_cast<std::uint32_t>(limits_.header));
  parser_->body_limit(limits_.body ? boost::optional<std::uint64_t>(*limits_.body) : boost::none);
  if (without_body) parser_->skip(true);
}

// Throws for what cannot be parsed. How many bytes were used; none if there are too few.
template <bool is_request>
std::size_t message_reader<is_request>::parse(std::span<const char> bytes) {
  error_code e;
  const std::size_t used = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), e);
  if (e && e != beast::error::need_more) refuse(status_for(e), e.message());
  return used;
}

template <bool is_request>
bool message_reader<is_request>::parse_header() {
  while (!buffer_.empty()) {
    const std::size_t used = parse(buffer_.bytes());
    buffer_.consume(used);
    if (parser_->is_header_done()) return true;
    if (used == 0) return false;
  }
  return false;
}

template <bool is_request>
std::size_t message_reader<is_request>::read_body(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  parser_->set_target(buffer);
  while (!parser_->is_done()) {
    const std::size_t used = buffer_.empty() ? 0 : parse(buffer_.bytes());
    buffer_.consume(used);
    if (parser_->filled() != 0) return parser_->filled();
    if (used == 0) receive_for_body(buffer);
    if (parser_->filled() != 0) return parser_->filled();
  }
  return 0;
}

// A body without chunks is received right where it is wanted.
template <bool is_request>
void message_reader<is_request>::receive_for_body(std::span<std::byte> buffer) {
  std::size_t received = 0;
  if (buffer_.empty() && !parser_->chunked()) {
    const std::optional<std::uint64_t> left = body_left();
    const std::span<std::byte> wanted =
        left ? buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(*left, buffer.size()))) : buffer;
    received = from_->receive(wanted);
    if (received != 0) parse({reinterpret_cast<const char*>(wanted.data()), received});
  } else {
    received = receive_more() ? 1 : 0;
  }
  if (received != 0) return;
  error_code e;
  parser_->put_eof(e);
  if (e) {
    throw connection_lost(ECONNABORTED, std::generic_category(),
                          "weft::io::http: the peer ended the connection in the middle of a body");
  }
}

template <bool is_request>
std::optional<std::uint64_t> message_reader<is_request>::body_left() const {
  if (const auto left = parser_->content_length_remaining()) return *left;
  return std::nullopt;
}

template class message_reader<true>;
template class message_reader<false>;

}  // namespace weft::io::http::detail
