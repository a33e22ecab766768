// One TLS connection: OpenSSL between two buffers in memory, and the fibers that move bytes between these and the connection.
//
//   read_some   SSL_read <- incoming  <- receive()  <- connection
//   write_some  SSL_write -> outgoing -> flush()    -> connection
//
// Three locks. `state_` guards OpenSSL's object and its buffers and is never held across a wait. `receiving_` and `sending_` are turns: who has
// one may wait for the connection. A reader never waits for the turn to send, because the sender may be waiting for a peer that waits for this
// reader: whoever leaves the turn looks whether something came in meanwhile. Order: a turn before `state_`.
//
// Cancellation may come in any wait, so what has left one place and not reached the next stays in `received_` and `sent_` for whoever comes next.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <weft/io/any_stream.hpp>
#include <weft/io/tls/detail/context_core.hpp>
#include <weft/sync/mutex.hpp>

namespace weft::io::detail {

class tls_session {
 public:
  tls_session(std::shared_ptr<tls_context_core> context, any_stream connection, std::string host);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  void shake_hands();
  std::size_t read(std::span<std::byte> buffer);
  std::size_t write(std::span<const iovec> data);
  void shutdown_write();
  void close() { connection_.close(); }
  [[nodiscard]] int native_handle() const noexcept { return connection_.native_handle(); }

  template <class Question>
  auto ask(Question question) {
    const std::lock_guard guard(state_);
    return question(ssl_.get());
  }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] tls_context_core& context() const noexcept { return *context_; }

 private:
  enum class progress : std::uint8_t { made, end, needs_input, failed };
  struct outcome {
    progress what = progress::made;
    std::size_t bytes = 0;
    std::uint64_t inputs = 0;  // how many had come in when OpenSSL said so
    std::optional<std::system_error> error;
  };

  void prepare_client();
  void keep_session_of_old_version();
  // One call of OpenSSL's, which returns what SSL_read does.
  template <class Call>
  outcome attempt(const char* action, Call call);
  outcome read_outcome(const char* action, int result);
  // Calls until it is through: its bytes, or 0 at the end.
  template <class Call>
  std::size_t complete(const char* action, Call call);
  [[nodiscard]] std::system_error failure(const char* action);

  void receive(std::uint64_t inputs_seen);
  enum class turn : bool { awaited, if_free };
  void flush(turn how);
  void send_outgoing();
  bool take_outgoing();
  [[nodiscard]] std::string peer() const;

  const std::shared_ptr<tls_context_core> context_;
  const std::string host_;
  any_stream connection_;

  weft::mutex state_;
  openssl_owner<SSL> ssl_;
  BIO* incoming_ = nullptr;  // both belong to ssl_
  BIO* outgoing_ = nullptr;
  std::uint64_t inputs_ = 0;
  std::atomic<bool> has_outgoing_{false};

  weft::mutex receiving_;
  std::vector<std::byte> received_;  // room; the first received_size_ bytes are to be given to OpenSSL
  std::size_t received_size_ = 0;

  weft::mutex sending_;
  std::vector<std::byte> sending_bytes_;
  std::size_t sent_ = 0;  // of these
};

}  // namespace weft::io::detail
