// A stream of whatever kind behind one type, for code that need not know which: TCP, TLS over it, one end of a socket pair.
#pragma once

#include <sys/uio.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weft::io {

// Bytes both ways, as tcp_stream has them.
template <class S>
concept duplex_stream = std::movable<S> && requires(S& s, std::span<std::byte> in, std::span<const iovec> out) {
  { s.read_some(in) } -> std::same_as<std::size_t>;
  { s.write_vectors(out) } -> std::same_as<std::size_t>;
  s.shutdown_write();
  s.close();
  { s.native_handle() } -> std::convertible_to<int>;
};

// Owns the stream. Move-only. Its calls are the stream's, with that one's contract, for the price of a virtual call. An empty one may only be
// assigned to, destroyed and asked whether it is open.
class any_stream {
 public:
  any_stream() = default;
  template <class S>
    requires(!std::same_as<S, any_stream>) && duplex_stream<S>
  any_stream(S stream)  // NOLINT(google-explicit-constructor): that is what it is for
      : held_(std::make_unique<holder<S>>(std::move(stream))) {}

  // Bytes received, at least one; 0 when the peer has ended its side (or the buffer is empty). Parks.
  std::size_t read_some(std::span<std::byte> buffer) { return held_->read_some(buffer); }
  // Bytes taken, at least one unless there are none. Parks.
  std::size_t write_vectors(std::span<const iovec> data) { return held_->write_vectors(data); }
  std::size_t write_some(std::span<const std::byte> data) {
    const iovec one{const_cast<std::byte*>(data.data()), data.size()};
    return held_->write_vectors({&one, 1});
  }
  // Returns when all is taken. Parks.
  void write_all(std::span<const std::byte> data) {
    while (!data.empty()) data = data.subspan(write_some(data));
  }
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }

  // Tells the peer that nothing more will come.
  void shutdown_write() { held_->shutdown_write(); }
  void close() {
    if (held_) held_->close();
  }
  [[nodiscard]] bool is_open() const noexcept { return native_handle() >= 0; }
  // The descriptor under it; -1 if it is not open.
  [[nodiscard]] int native_handle() const noexcept { return held_ ? held_->native_handle() : -1; }

 private:
  struct base {
    virtual ~base() = default;
    virtual std::size_t read_some(std::span<std::byte> buffer) = 0;
    virtual std::size_t write_vectors(std::span<const iovec> data) = 0;
    virtual void shutdown_write() = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual int native_handle() const noexcept = 0;
  };
  template <class S>
  struct holder final : base {
    explicit holder(S s) : stream(std::move(s)) {}
    std::size_t read_some(std::span<std::byte> buffer) override { return stream.read_some(buffer); }
    std::size_t write_vectors(std::span<const iovec> data) override { return stream.write_vectors(data); }
    void shutdown_write() override { stream.shutdown_write(); }
    void close() override { stream.close(); }
    [[nodiscard]] int native_handle() const noexcept override { return stream.native_handle(); }
    S stream;
  };

  std::unique_ptr<base> held_;
};

}  // namespace weft::io
