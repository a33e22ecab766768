// Reads messages from a stream: Boost.Beast's parser of headers and chunks over a buffer of our own, without its containers. What Beast lets pass,
// but two implementations might understand differently (request smuggling), is refused here.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <weft/io/http/message.hpp>

namespace weft::io::http::detail {

namespace beast = boost::beast::http;
using error_code = boost::system::error_code;

// Bytes received and not used yet.
class input_buffer {
 public:
  [[nodiscard]] std::span<const char> bytes() const noexcept {
    return std::span(bytes_).subspan(begin_, end_ - begin_);
  }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Room for at least one more byte; empty if there are `limit` bytes already.
  [[nodiscard]] std::span<std::byte> room(std::size_t limit);
  void added(std::size_t n) noexcept { end_ += n; }

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// What the first line of a message says.
struct start_line {
  std::string method;
  std::string target;
  int status = 0;
  int version = 0;  // 10 or 11
};

// Puts a message into a start line and fields, and its body where it is told to.
template <bool is_request>
class message_parser final : public beast::basic_parser<is_request> {
 public:
  // trailer_limit: bytes of names and values.
  message_parser(start_line& line, fields& header, fields& trailers, std::size_t trailer_limit) noexcept
      : line_(&line), header_(&header), trailers_(&trailers), trailer_room_(trailer_limit) {}

  // Where the next bytes of the body go, and how many went there.
  void set_target(std::span<std::byte> target) noexcept {
    target_ = target;
    filled_ = 0;
  }
  [[nodiscard]] std::size_t filled() const noexcept { return filled_; }

 private:
  using text = boost::beast::string_view;
  void on_request_impl(beast::verb verb, text method, text target, int version, error_code& error) override;
  void on_response_impl(int status, text reason, int version, error_code& error) override;
  void on_field_impl(beast::field known, text name, text value, error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& size, error_code& error) override;
  std::size_t on_body_impl(text part, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t size, text extensions, error_code& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t left, text part, error_code& error) override;
  void on_finish_impl(error_code& error) override;

  start_line* line_;
  fields* header_;
  fields* trailers_;
  std::size_t trailer_room_;
  bool header_done_ = false;  // fields after it are trailers
  std::span<std::byte> target_;
  std::size_t filled_ = 0;
};

extern template class message_parser<true>;
extern template class message_parser<false>;

// The status that a server answers to a message it cannot parse.
int status_for(const error_code& error) noexcept;

// Throws error(400 or 501) for a request that is complete but must not be served.
void check_request(const start_line& line, const fields& header);

// More bytes, by a call that parks; 0 at the end of the stream.
class input {
 public:
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  virtual std::size_t receive(std::span<std::byte> buffer) = 0;

 protected:
  input() = default;
  ~input() = default;
};

// Reads one message after another.
template <bool is_request>
class message_reader {
 public:
  struct limits {
    std::size_t header;
    std::optional<std::uint64_t> body;
  };
  message_reader(input& from, const limits& l) noexcept : from_(&from), limits_(l) {}

  [[nodiscard]] bool has_bytes() const noexcept { return !buffer_.empty(); }
  // False at the end of the stream.
  bool receive_more();

  // Begins a message. The trailers are complete when the body has ended; they may be as long as the header.
  void begin(start_line& line, fields& header, fields& trailers, bool without_body = false);
  // Parses what is there; true if the header is complete. Throws error(400, 413, 431, 505).
  bool parse_header();
  // At least one byte, 0 at the end of the body. Throws error(400, 413, 431), or std::system_error (ECONNABORTED) if the peer ended its side before.
  std::size_t read_body(std::span<std::byte> buffer);

  [[nodiscard]] bool is_done() const noexcept { return parser_->is_done(); }
  [[nodiscard]] bool keep_alive() const { return parser_->keep_alive(); }
  [[nodiscard]] bool chunked() const noexcept { return parser_->chunked(); }
  [[nodiscard]] std::optional<std::uint64_t> body_left() const;

 private:
  std::size_t parse(std::span<const char> bytes);
  void receive_for_body(std::span<std::byte> buffer);

  input* from_;
  limits limits_;
  input_buffer buffer_;
  std::optional<message_parser<is_request>> parser_;
};

extern template class message_reader<true>;
extern template class message_reader<false>;

}  // namespace weft::io::http::detail
