#include <weft/io/http/detail/output.hpp>

#include <array>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include <weft/io/http/detail/connection_lost.hpp>
#include <weft/io/http/detail/trailers.hpp>
#include <weft/scheduler/deadline.hpp>

namespace weft::io::http::detail {

namespace {

constexpr std::size_t much = 16 << 10;

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

iovec vector_of(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

void output::write(std::span<const std::byte> data) {
  if (text_.size() + data.size() < much) {
    text_ += as_text(data);
  } else {
    send(data);
  }
}

void output::flush() {
  if (!text_.empty()) send({});
}

// The limit is for each piece that the peer takes.
void output::send(std::span<const std::byte> more) {
  std::span<const std::byte> first = std::as_bytes(std::span(text_));
  try {
    while (!first.empty() || !more.empty()) {
      const std::array<iovec, 2> both{vector_of(first), vector_of(more)};
      const std::span<const iovec> pieces =
          first.empty() ? std::span(both).last(1) : std::span(both).first(more.empty() ? 1 : 2);
      const std::size_t sent = with_deadline(limit_, [&] { return to_.write_vectors(pieces); });
      const std::size_t of_first = std::min(sent, first.size());
      first = first.subspan(of_first);
      more = more.subspan(sent - of_first);
    }
  } catch (const timeout_error&) {
    throw connection_lost(std::make_error_code(std::errc::timed_out),
                          "weft::io::http: the peer does not read what is sent");
  } catch (const std::system_error& e) {
    throw connection_lost(e);
  }
  text_.clear();
}

void framed_body::write(std::span<const std::byte> data) {
  if (data.empty()) return;
  if (how_ == framing::length) {
    if (data.size() > left_)
      throw std::logic_error("weft::io::http: a body is longer than the size that was given for it");
    left_ -= data.size();
  }
  if (how_ == framing::chunks) {
    std::array<char, 18> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16).ptr;
    out_.text().append(size.data(), end).append("\r\n");
  }
  out_.write(data);
  if (how_ == framing::chunks) out_.text() += "\r\n";
}

void framed_body::finish() {
  if (how_ == framing::length && left_ != 0)
    throw std::logic_error("weft::io::http: a body is shorter than the size that was given for it");
  if (how_ != framing::chunks) return;
  out_.text() += "0\r\n";
  for (std::size_t i = 0; i < trailers_.size(); ++i) append_field(out_.text(), trailers_[i].name, trailers_[i].value);
  out_.text() += "\r\n";
}

void framed_body::add_trailer(std::string_view name, std::string_view value) {
  if (how_ == framing::length)
    throw std::logic_error("weft::io::http: a body whose size was given does not go in chunks, and has no trailers");
  if (!may_be_trailer(name))
    throw std::invalid_argument("weft::io::http: the field '" + std::string(name) + "' belongs in the header");
  trailers_.add(name, value);
}

void append_number(std::string& to, std::uint64_t n) {
  std::array<char, 20> digits{};
  to.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr);
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace weft::io::http::detail
