// What makes weft's streams models of Asio's SyncReadStream and SyncWriteStream, without a header of Asio's: its buffers are known by their
// shape, its errors by io/asio.hpp, which whoever uses these members includes.
//
// A class that has read_vectors(std::span<const iovec>) derives from asio_readable<itself> and says `using asio_readable<itself>::read_some`.
#pragma once

#include <sys/uio.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

namespace weft::io::detail {

// asio::mutable_buffer and asio::const_buffer. Spans and containers of bytes have data(), too, but not a pointer to void.
template <class B>
concept asio_buffer = requires(const B& b) {
  requires std::is_pointer_v<decltype(b.data())> && std::is_void_v<std::remove_pointer_t<decltype(b.data())>>;
  { b.size() } -> std::convertible_to<std::size_t>;
};

// One of them, or a range of them.
template <class B>
concept asio_buffers = asio_buffer<B> || requires(const B& b) {
  requires asio_buffer<std::remove_cvref_t<decltype(*b.begin())>>;
  b.end();
};

// How errors are told: io/asio.hpp says it. What is thrown where no variable for an error is given is asio_error_for<B>.
template <class E>
struct asio_errors;
template <class Buffers>
struct asio_error_for;

template <class E>
concept asio_error = requires(const std::error_code& error) { asio_errors<E>::from(error); };

// The first buffers of a sequence, as the system calls want them.
class asio_vectors {
 public:
  template <asio_buffers B>
  explicit asio_vectors(const B& buffers) {
    if constexpr (asio_buffer<B>) {
      add(buffers);
    } else {
      const auto end = buffers.end();
      for (auto it = buffers.begin(); it != end && count_ < vectors_.size(); ++it) add(*it);
    }
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::span<const iovec> get() const noexcept { return std::span(vectors_).first(count_); }

 private:
  template <asio_buffer B>
  void add(const B& buffer) noexcept {
    if (buffer.size() != 0)
      vectors_[count_++] = {const_cast<void*>(static_cast<const void*>(buffer.data())), buffer.size()};
  }
  std::array<iovec, 16> vectors_;
  std::size_t count_ = 0;
};

// As asio: 0 bytes for an empty sequence, else at least one; `error` is set at the end of the stream (asio::error::eof) and when
// reading fails; the other form throws the library's system_error. `cancelled` is thrown as ever.
template <class Stream>
class asio_readable {
 public:
  template <asio_buffers B, asio_error E>
  std::size_t read_some(const B& buffers, E& error) {
    const asio_vectors vectors(buffers);
    error = E{};
    if (vectors.empty()) return 0;
    try {
      const std::size_t n = static_cast<Stream&>(*this).read_vectors(vectors.get());
      if (n == 0) error = asio_errors<E>::end_of_stream();
      return n;
    } catch (const std::system_error& e) {
      error = asio_errors<E>::from(e.code());
      return 0;
    }
  }
  template <asio_buffers B, class E = typename asio_error_for<B>::type>
  std::size_t read_some(const B& buffers) {
    E error;
    const std::size_t n = read_some(buffers, error);
    if (error) asio_errors<E>::raise(error, "weft::io: read_some");
    return n;
  }

 private:
  friend Stream;
  asio_readable() = default;
};

template <class Stream>
class asio_writable {
 public:
  template <asio_buffers B, asio_error E>
  std::size_t write_some(const B& buffers, E& error) {
    const asio_vectors vectors(buffers);
    error = E{};
    if (vectors.empty()) return 0;
    try {
      return static_cast<Stream&>(*this).write_vectors(vectors.get());
    } catch (const std::system_error& e) {
      error = asio_errors<E>::from(e.code());
      return 0;
    }
  }
  template <asio_buffers B, class E = typename asio_error_for<B>::type>
  std::size_t write_some(const B& buffers) {
    E error;
    const std::size_t n = write_some(buffers, error);
    if (error) asio_errors<E>::raise(error, "weft::io: write_some");
    return n;
  }

 private:
  friend Stream;
  asio_writable() = default;
};

}  // namespace weft::io::detail
