// What is to be sent: small pieces are gathered, large ones go out beside them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weft/io/any_stream.hpp>
#include <weft/io/http/message.hpp>

namespace weft::io::http::detail {

class output {
 public:
  output(any_stream& to, std::chrono::nanoseconds limit) noexcept : to_(to), limit_(limit) {}

  // To be appended to; nothing is sent before flush() or write().
  [[nodiscard]] std::string& text() noexcept { return text_; }
  // Appends; sends if that is much. Throws std::system_error (ETIMEDOUT) if the peer takes nothing for the limit. Parks.
  void write(std::span<const std::byte> data);
  void flush();

 private:
  void send(std::span<const std::byte> more);

  any_stream& to_;
  const std::chrono::nanoseconds limit_;
  std::string text_;
};

// How a body's end is told.
enum class framing : std::uint8_t { length, chunks, end_of_connection };

// The framing of a streamed body around what its function writes.
class framed_body final : public body_writer {
 public:
  framed_body(output& out, framing how, std::optional<std::uint64_t> size) noexcept
      : out_(out), how_(how), left_(size.value_or(0)) {}
  ~framed_body() = default;

  using body_writer::write;
  void write(std::span<const std::byte> data) override;
  void flush() override { out_.flush(); }
  void add_trailer(std::string_view name, std::string_view value) override;
  // All is written. Throws std::logic_error if that is less than was promised.
  void finish();

 private:
  output& out_;
  const framing how_;
  std::uint64_t left_;
  fields trailers_;
};

void append_number(std::string& to, std::uint64_t n);
void append_field(std::string& to, std::string_view name, std::string_view value);

}  // namespace weft::io::http::detail
