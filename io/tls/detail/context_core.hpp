// The context behind tls_context: OpenSSL's, the sessions that a client may resume, and what is counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <weft/io/tls/context.hpp>
#include <weft/io/tls/detail/openssl.hpp>

namespace weft::io::detail {

class tls_context_core {
 public:
  explicit tls_context_core(const tls_client_options& options);
  tls_context_core(const std::filesystem::path& chain, const std::filesystem::path& key,
                   const tls_server_options& options);
  // OpenSSL has its address.
  tls_context_core(const tls_context_core&) = delete;
  tls_context_core& operator=(const tls_context_core&) = delete;
  ~tls_context_core() = default;

  [[nodiscard]] SSL_CTX* get() const noexcept { return context_.get(); }
  [[nodiscard]] bool is_server() const noexcept { return server_; }
  [[nodiscard]] bool verifies() const noexcept { return verify_; }

  // The session of an earlier connection to the host, which is used once; null if there is none.
  openssl_owner<SSL_SESSION> take_session(const std::string& host);
  void keep_session(const std::string& host, openssl_owner<SSL_SESSION> session);

  void count_handshake(bool resumed) noexcept;
  void count_failure() noexcept { failed_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] tls_statistics statistics() const noexcept;

 private:
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                             unsigned offered_size, void* self);

  openssl_owner<SSL_CTX> context_;
  const bool server_;
  const bool verify_;
  std::string protocols_;  // as on the wire: each with its length before it
  std::mutex mutex_;       // of the sessions; never held across a wait
  std::unordered_map<std::string, openssl_owner<SSL_SESSION>> sessions_;
  std::atomic<std::uint64_t> handshakes_{0};
  std::atomic<std::uint64_t> resumed_{0};
  std::atomic<std::uint64_t> failed_{0};
};

// Called by OpenSSL when a server gives a session to be resumed later; takes it over if it returns 1. Belongs to stream.cpp, which knows the host.
int keep_new_session(SSL* ssl, SSL_SESSION* session);

}  // namespace weft::io::detail
