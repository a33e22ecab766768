#include <weft/io/tls/context.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdexcept>
#include <string_view>
#include <system_error>

#include <weft/io/tls/detail/context_core.hpp>
#include <weft/io/tls/error.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace detail {

namespace {

// More hosts than a program talks to again soon.
constexpr std::size_t most_sessions = 1'000;

[[noreturn]] void fail(const std::string& what) {
  const std::string why = take_openssl_error();
  throw std::system_error(make_error_code(tls_errc::bad_credentials),
                          "weft::io: cannot " + what + (why.empty() ? "" : ": " + why));
}

openssl_owner<SSL_CTX> make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  openssl_owner<SSL_CTX> context(SSL_CTX_new(method));
  if (!context) fail("make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds 34 KiB less
  return context;
}

std::string wire_form(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& p : protocols) {
    if (p.empty() || p.size() > 255) {
      throw std::invalid_argument("weft::io: an application protocol's name has 1 to 255 bytes, not '" + p + "'");
    }
    wire += static_cast<char>(p.size());
    wire += p;
  }
  return wire;
}

const unsigned char* bytes(const std::string& s) noexcept { return reinterpret_cast<const unsigned char*>(s.data()); }

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

std::string text_of(const ASN1_TIME* time) {
  const openssl_owner<BIO> out(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(out.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

void check_dates(SSL_CTX* context, const std::filesystem::path& chain) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    fail("use the certificate in " + quoted(chain) + ", which expired on " + text_of(X509_get0_notAfter(certificate)) +
         " (renew it)");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    fail("use the certificate in " + quoted(chain) + ", which is not valid before " +
         text_of(X509_get0_notBefore(certificate)) + " (or this machine's clock is wrong)");
  }
}

void load_credentials(SSL_CTX* context, const std::filesystem::path& chain, const std::filesystem::path& key) {
  if (SSL_CTX_use_certificate_chain_file(context, chain.c_str()) != 1) {
    fail("read a certificate chain (PEM, this side's own first) from " + quoted(chain));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
      fail("use the key in " + quoted(key) + ": it is not that of the certificate in " + quoted(chain));
    }
    fail("read a private key (PEM, without a pass phrase) from " + quoted(key));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    fail("use the key in " + quoted(key) + ": it is not that of the certificate in " + quoted(chain));
  }
  check_dates(context, chain);
}

void load_authorities(SSL_CTX* context, const std::filesystem::path& file) {
  if (file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) fail("find the system's trusted certificates");
  } else if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
    fail("read trusted certificates (PEM) from " + quoted(file));
  }
}

// Sessions are bound to the context, so that one of a context that asks for less is not resumed here.
void ask_for_certificates(SSL_CTX* context, const tls_server_options& options) {
  constexpr std::string_view name = "weft";
  const bool required = options.clients == client_certificate::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(name.data()),
                                 static_cast<unsigned>(name.size()));
  load_authorities(context, options.client_authorities);
  if (options.client_authorities.empty()) return;
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_authorities.c_str());
  if (names == nullptr) fail("read trusted certificates (PEM) from " + quoted(options.client_authorities));
  SSL_CTX_set_client_CA_list(context, names);
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long error = ERR_get_error();
  std::string text;
  if (error != 0) {
    const char* reason = ERR_reason_error_string(error);
    text = reason != nullptr ? reason : "error " + std::to_string(error);
  }
  ERR_clear_error();
  return text;
}

tls_context_core::tls_context_core(const tls_client_options& options)
    : context_(make_context(TLS_client_method())),
      server_(false),
      verify_(options.verify),
      protocols_(wire_form(options.protocols)) {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_verify(context, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (verify_) load_authorities(context, options.authorities);
  if (!options.own.certificate_chain.empty() || !options.own.key.empty()) {
    load_credentials(context, options.own.certificate_chain, options.own.key);
  }
  if (!protocols_.empty()) {
    SSL_CTX_set_alpn_protos(context, bytes(protocols_), static_cast<unsigned>(protocols_.size()));
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep_new_session);
}

tls_context_core::tls_context_core(const std::filesystem::path& chain, const std::filesystem::path& key,
                                   const tls_server_options& options)
    : context_(make_context(TLS_server_method())),
      server_(true),
      verify_(options.clients != client_certificate::ignored),
      protocols_(wire_form(options.protocols)) {
  load_credentials(context_.get(), chain, key);
  if (verify_) ask_for_certificates(context_.get(), options);
  if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(context_.get(), &choose_protocol, this);
}

int tls_context_core::choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                                      const unsigned char* offered, unsigned offered_size, void* self) {
  const std::string& ours = static_cast<tls_context_core*>(self)->protocols_;
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, size, bytes(ours), static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

openssl_owner<SSL_SESSION> tls_context_core::take_session(const std::string& host) {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(host);
  if (found == sessions_.end()) return nullptr;
  openssl_owner<SSL_SESSION> session = std::move(found->second);
  sessions_.erase(found);
  return session;
}

void tls_context_core::keep_session(const std::string& host, openssl_owner<SSL_SESSION> session) {
  const std::lock_guard guard(mutex_);
  if (sessions_.size() >= most_sessions) sessions_.erase(sessions_.begin());
  sessions_[host] = std::move(session);
}

void tls_context_core::count_handshake(bool resumed) noexcept {
  handshakes_.fetch_add(1, std::memory_order_relaxed);
  if (resumed) resumed_.fetch_add(1, std::memory_order_relaxed);
}

tls_statistics tls_context_core::statistics() const noexcept {
  return {.handshakes = handshakes_.load(std::memory_order_relaxed),
          .resumed = resumed_.load(std::memory_order_relaxed),
          .failed = failed_.load(std::memory_order_relaxed)};
}

}  // namespace detail

tls_context tls_context::client(const tls_client_options& options) {
  return tls_context(blocking([&] { return std::make_shared<detail::tls_context_core>(options); }));
}

tls_context tls_context::server(const std::filesystem::path& certificate_chain, const std::filesystem::path& key,
                                const tls_server_options& options) {
  return tls_context(
      blocking([&] { return std::make_shared<detail::tls_context_core>(certificate_chain, key, options); }));
}

tls_statistics tls_context::statistics() const noexcept { return core_->statistics(); }

}  // namespace weft::io
