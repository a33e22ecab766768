// What the TLS connections of a client or of a server have in common: whom to trust, who one is, which protocols to offer. TLS 1.2 and 1.3.
//
//   const weft::io::tls_context client = weft::io::tls_context::client();               // trusts whom the system trusts
//   const weft::io::tls_context server = weft::io::tls_context::server("chain.pem", "key.pem");
//
// OpenSSL does the work; none of its names show here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace weft::io {

namespace detail {
class tls_context_core;
}

// A certificate, followed by those that lead to an authority, and its key: files, PEM.
struct tls_credentials {
  std::filesystem::path certificate_chain = {};
  std::filesystem::path key = {};
};

// What a server asks of its clients.
enum class client_certificate : std::uint8_t {
  ignored,
  optional,  // a client without one is served; one with a certificate that nobody trusted vouches for is refused
  required,
};

struct tls_client_options {
  // Whether the server must have a certificate for its name that somebody trusted vouches for. Without it anybody can pretend to be anybody.
  bool verify = true;
  // A file of certificates (PEM) to be trusted in place of the system's.
  std::filesystem::path authorities = {};
  // Application protocols to offer (ALPN, such as "http/1.1"), the most wanted first.
  std::vector<std::string> protocols = {};
  // Who this side is, for servers that ask.
  tls_credentials own = {};
};

struct tls_server_options {
  // Application protocols that are served, the most wanted first. A client that offers only others is refused; one that offers none is not.
  std::vector<std::string> protocols = {};
  client_certificate clients = client_certificate::ignored;
  // A file of certificates (PEM) of those who may vouch for clients; the system's if empty, which is seldom meant.
  std::filesystem::path client_authorities = {};
};

// Of all connections of a context.
struct tls_statistics {
  std::uint64_t handshakes = 0;  // that succeeded
  std::uint64_t resumed = 0;     // of these: without certificates and public keys, thanks to an earlier connection
  std::uint64_t failed = 0;
};

// A handle: copies mean the same context. Any thread.
class tls_context {
 public:
  // Reads the authorities' certificates; parks. Throws std::system_error (tls_errc::bad_credentials) that names the file. Remembers one session
  // for each host, so that the next connection to it may be resumed. What is wrong with `own` is said as by server().
  [[nodiscard]] static tls_context client(const tls_client_options& options = {});

  // Reads the certificate, followed by those that lead to an authority, and its key, all PEM; parks. Throws std::system_error
  // (tls_errc::bad_credentials) if a file cannot be read, holds something else, the key belongs to another certificate, or that has expired.
  [[nodiscard]] static tls_context server(const std::filesystem::path& certificate_chain,
                                          const std::filesystem::path& key, const tls_server_options& options = {});

  [[nodiscard]] tls_statistics statistics() const noexcept;

 private:
  friend class tls_stream;
  explicit tls_context(std::shared_ptr<detail::tls_context_core> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::tls_context_core> core_;
};

}  // namespace weft::io
