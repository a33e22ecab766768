// Buffers in front of a stream: lines and other small pieces out of large reads, and large writes out of small ones.
//
//   weft::io::buffered_reader in(connection);            // refers to it; buffered_reader in(std::move(connection)) owns it
//   weft::io::buffered_writer out(connection);
//   for (std::string& line : in.lines()) out.write_all(answer_to(line));
//   out.flush();
//
// Any stream will do (stream.hpp): files, sockets, pipes, standard streams, or a class of one's own. A call parks, is a cancellation point and
// throws what the stream's own calls throw, but only where it has to use the stream. A cancellation loses nothing that was read. One fiber at a
// time uses a reader or a writer; one may read while another writes.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <weft/io/stream.hpp>

namespace weft::io {

struct line_options {
  // Bytes in a line at most, its end not counted. A longer one is an error (EMSGSIZE), so that nobody can make us keep what he never ends.
  std::size_t limit = 1 << 20;
  // Whether a '\r' before the '\n' belongs to the end of the line, and is taken off with it.
  bool carriage_return = true;
};

namespace detail {

// Bytes between two marks in memory of a fixed size.
class byte_buffer {
 public:
  explicit byte_buffer(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(std::max<std::size_t>(capacity, 1))),
        capacity_(std::max<std::size_t>(capacity, 1)) {}
  byte_buffer(byte_buffer&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        capacity_(std::exchange(other.capacity_, 0)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::span<const std::byte> filled() const noexcept { return {bytes_.get() + begin_, size()}; }
  [[nodiscard]] std::span<std::byte> free() const noexcept { return {bytes_.get() + end_, capacity_ - end_}; }
  void add(std::size_t n) noexcept { end_ += n; }
  void drop(std::size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void move_to_front() noexcept {
    if (begin_ == 0) return;
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

[[noreturn]] void fail_ended_early(std::size_t wanted, std::size_t got);
[[noreturn]] void fail_too_long(const char* what, std::size_t limit);
[[noreturn]] void fail_peek(std::size_t wanted, std::size_t capacity);
// Tells stderr, since a destructor cannot throw.
void report_lost(std::size_t bytes, const char* why) noexcept;

}  // namespace detail

inline constexpr std::size_t default_buffer_size = 16 << 10;

// Movable, unless the stream is not.
template <readable_stream Stream>
class buffered_reader {
 public:
  // Memory for `capacity` bytes is taken at once. Reads of that size or more go past the buffer.
  explicit buffered_reader(Stream&& stream, std::size_t capacity = default_buffer_size)
      : stream_(std::forward<Stream>(stream)), buffer_(capacity) {}

  // Bytes read, at least one; 0 at the end (or if the buffer is empty).
  std::size_t read_some(std::span<std::byte> into) {
    if (into.empty()) return 0;
    if (buffer_.empty() && into.size() >= buffer_.capacity()) return stream_.read_some(into);
    if (buffer_.empty() && !fill()) return 0;
    return take(into);
  }

  // Fills `into`. False if the end came before the first byte; throws std::system_error (ECONNABORTED) if it came in the middle.
  [[nodiscard]] bool read_exactly(std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
      const std::size_t n = read_some(into.subspan(done));
      if (n == 0 && done == 0) return false;
      if (n == 0) detail::fail_ended_early(into.size(), done);
      done += n;
    }
    return true;
  }

  // The next bytes without taking them: at least `n` of them, unless the end comes first; all that are in the buffer. Valid until the next call. `n`
  // beyond the buffer's capacity is a std::system_error (EMSGSIZE).
  [[nodiscard]] std::span<const std::byte> peek(std::size_t n = 1) {
    if (n > buffer_.capacity()) detail::fail_peek(n, buffer_.capacity());
    while (buffer_.size() < n && fill()) {
    }
    return buffer_.filled();
  }
  // Takes bytes that peek() has shown.
  void drop(std::size_t n) noexcept { buffer_.drop(std::min(n, buffer_.size())); }

  // The next line without its end, into `line`, whose memory is used again; false at the end. A last line need not have an end. After EMSGSIZE
  // the reader stands somewhere in the line.
  bool read_line(std::string& line, const line_options& o = {}) {
    const bool any = read_piece(line, '\n', o.limit, o.carriage_return ? 1 : 0, "line");
    if (o.carriage_return && ended_ && line.ends_with('\r')) line.pop_back();
    if (line.size() > o.limit) detail::fail_too_long("line", o.limit);
    return any;
  }
  [[nodiscard]] std::optional<std::string> read_line(const line_options& o = {}) {
    std::string line;
    return read_line(line, o) ? std::optional<std::string>(std::move(line)) : std::nullopt;
  }

  // What comes before the next `delimiter`, which is taken and not returned; empty at the end. What comes before the end without one is returned as well.
  // More than `limit` bytes are a std::system_error (EMSGSIZE).
  [[nodiscard]] std::optional<std::string> read_until(char delimiter, std::size_t limit = 1 << 20) {
    std::string piece;
    return read_piece(piece, delimiter, limit, 0, "piece") ? std::optional<std::string>(std::move(piece))
                                                           : std::nullopt;
  }

  // Everything to the end. More than `limit` bytes are a std::system_error (EMSGSIZE).
  [[nodiscard]] std::string read_rest(std::size_t limit = std::string::npos) {
    std::string text;
    while (!buffer_.empty() || fill()) {
      if (buffer_.size() > limit - text.size()) detail::fail_too_long("rest", limit);
      append_front(text, buffer_.size());
    }
    return text;
  }

  // The lines to come, as a range; the string is one and the same, and may be moved from.
  class line_range {
   public:
    class iterator {
     public:
      using value_type = std::string;
      using difference_type = std::ptrdiff_t;
      using iterator_concept = std::input_iterator_tag;
      std::string& operator*() const { return range_->line_; }
      iterator& operator++() {
        range_->step();
        return *this;
      }
      void operator++(int) { ++*this; }
      friend bool operator==(const iterator& i, std::default_sentinel_t) { return i.is_at_end(); }

     private:
      friend class line_range;
      [[nodiscard]] bool is_at_end() const noexcept { return !range_->more_; }
      explicit iterator(line_range& range) : range_(&range) {}
      line_range* range_;
    };
    iterator begin() {
      step();
      return iterator(*this);
    }
    [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

   private:
    friend class buffered_reader;
    line_range(buffered_reader& reader, const line_options& o) : reader_(&reader), options_(o) {}
    void step() { more_ = reader_->read_line(line_, options_); }

    buffered_reader* reader_;
    line_options options_;
    std::string line_;
    bool more_ = false;
  };
  [[nodiscard]] line_range lines(const line_options& o = {}) { return line_range(*this, o); }

  // Bytes that were read from the stream and not yet taken.
  [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size(); }
  [[nodiscard]] std::remove_reference_t<Stream>& stream() noexcept { return stream_; }

 private:
  // False at the end, or if the buffer is full.
  bool fill() {
    buffer_.move_to_front();
    const std::size_t n = stream_.read_some(buffer_.free());
    buffer_.add(n);
    return n != 0;
  }

  std::size_t take(std::span<std::byte> into) noexcept {
    const std::size_t n = std::min(into.size(), buffer_.size());
    std::memcpy(into.data(), buffer_.filled().data(), n);
    buffer_.drop(n);
    return n;
  }

  void append_front(std::string& text, std::size_t n) {
    text.append(reinterpret_cast<const char*>(buffer_.filled().data()), n);
    buffer_.drop(n);
  }

  // `more` bytes than the limit are let through, for the caller to look at.
  bool read_piece(std::string& piece, char delimiter, std::size_t limit, std::size_t more, const char* what) {
    piece.clear();
    ended_ = false;
    while (!buffer_.empty() || fill()) {
      const std::span<const std::byte> bytes = buffer_.filled();
      const void* found = std::memchr(bytes.data(), delimiter, bytes.size());
      const std::size_t length = found == nullptr
                                     ? bytes.size()
                                     : static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
      const std::size_t total = piece.size() + length;
      if (total > limit && total - limit > more) detail::fail_too_long(what, limit);
      append_front(piece, length);
      if (found == nullptr) continue;
      buffer_.drop(1);
      ended_ = true;
      return true;
    }
    return !piece.empty();
  }

  Stream stream_;
  detail::byte_buffer buffer_;
  bool ended_ = false;  // the last piece had its delimiter
};
template <class S>
buffered_reader(S&&, std::size_t = default_buffer_size) -> buffered_reader<S>;

// What is written goes to the stream when the buffer is full, and at flush(). Writes of the buffer's size or more go past it.
//
// End with flush(), which throws if the stream fails. The destructor writes what is left, unless an exception is passing, whose cause then is all there is
// to tell; where it cannot (the stream fails, the scope is cancelled), stderr gets a line that says how many bytes were lost and why. Movable,
// unless the stream is not.
template <writable_stream Stream>
class buffered_writer {
 public:
  explicit buffered_writer(Stream&& stream, std::size_t capacity = default_buffer_size)
      : stream_(std::forward<Stream>(stream)), buffer_(capacity), exceptions_(std::uncaught_exceptions()) {}
  buffered_writer(buffered_writer&&) = default;
  ~buffered_writer() {
    if (buffer_.empty() || std::uncaught_exceptions() > exceptions_) return;
    try {
      flush();
    } catch (const std::exception& e) {
      detail::report_lost(buffer_.size(), e.what());
    } catch (...) {  // weft::cancelled
      detail::report_lost(buffer_.size(), "cancelled");
    }
  }

  // Takes all of it. After an error or a cancellation an unknown part of what was written since the last flush() has gone out.
  void write_all(std::span<const std::byte> data) {
    while (!data.empty()) data = data.subspan(write_some(data));
  }
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }

  // Bytes taken, at least one unless there are none.
  std::size_t write_some(std::span<const std::byte> data) {
    if (data.size() > buffer_.free().size()) flush();
    if (data.size() >= buffer_.capacity()) return stream_.write_some(data);
    const std::size_t n = std::min(data.size(), buffer_.free().size());
    if (n != 0) std::memcpy(buffer_.free().data(), data.data(), n);
    buffer_.add(n);
    return n;
  }

  // Returns when the stream has taken everything. What it takes before it fails is not written again.
  void flush() {
    while (!buffer_.empty()) buffer_.drop(stream_.write_some(buffer_.filled()));
  }

  // Bytes that were written and have not gone to the stream.
  [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size(); }
  [[nodiscard]] std::remove_reference_t<Stream>& stream() noexcept { return stream_; }

 private:
  Stream stream_;
  detail::byte_buffer buffer_;
  int exceptions_;
};
template <class S>
buffered_writer(S&&, std::size_t = default_buffer_size) -> buffered_writer<S>;

}  // namespace weft::io
