#include <weft/io/tls/stream.hpp>

#include <system_error>
#include <utility>

#include <weft/io/detail/errors.hpp>
#include <weft/io/tls/detail/session.hpp>

namespace weft::io {

tls_stream::tls_stream() noexcept = default;
tls_stream::tls_stream(std::unique_ptr<detail::tls_session> session) noexcept : session_(std::move(session)) {}
tls_stream::~tls_stream() = default;
tls_stream::tls_stream(tls_stream&& other) noexcept = default;
tls_stream& tls_stream::operator=(tls_stream&& other) noexcept = default;

tls_stream tls_stream::connect(const tls_context& context, any_stream connection, std::string_view host) {
  if (context.core_->is_server()) {
    throw std::invalid_argument("weft::io: tls_stream::connect() needs a context made by tls_context::client()");
  }
  auto session = std::make_unique<detail::tls_session>(context.core_, std::move(connection), std::string(host));
  session->shake_hands();
  return tls_stream(std::move(session));
}

tls_stream tls_stream::accept(const tls_context& context, any_stream connection) {
  if (!context.core_->is_server()) {
    throw std::invalid_argument("weft::io: tls_stream::accept() needs a context made by tls_context::server()");
  }
  auto session = std::make_unique<detail::tls_session>(context.core_, std::move(connection), std::string());
  session->shake_hands();
  return tls_stream(std::move(session));
}

tls_stream tls_stream::connect(const tls_context& context, any_stream connection, std::string_view host,
                               std::error_code& error) {
  return detail::reported(error, [&] { return connect(context, std::move(connection), host); });
}

tls_stream tls_stream::accept(const tls_context& context, any_stream connection, std::error_code& error) {
  return detail::reported(error, [&] { return accept(context, std::move(connection)); });
}

detail::tls_session& tls_stream::session(const char* action) const {
  if (session_) return *session_;
  throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor),
                          std::string("weft::io: cannot ") + action + " a TLS stream that holds no connection");
}

std::size_t tls_stream::read_some(std::span<std::byte> buffer) { return session("read from").read(buffer); }

// One record seldom fills more than one buffer, and one is all that is promised.
std::size_t tls_stream::read_vectors(std::span<const iovec> buffers) {
  for (const iovec& v : buffers) {
    if (v.iov_len != 0) return read_some(std::span(static_cast<std::byte*>(v.iov_base), v.iov_len));
  }
  return 0;
}

std::size_t tls_stream::write_vectors(std::span<const iovec> data) { return session("write to").write(data); }

std::size_t tls_stream::write_some(std::span<const std::byte> data) {
  const iovec one{const_cast<std::byte*>(data.data()), data.size()};
  return write_vectors(std::span(&one, 1));
}

void tls_stream::write_all(std::span<const std::byte> data) {
  while (!data.empty()) data = data.subspan(write_some(data));
}

void tls_stream::shutdown_write() { session("end the writing side of").shutdown_write(); }

std::size_t tls_stream::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return detail::reported(error, [&] { return read_some(buffer); });
}
std::size_t tls_stream::write_some(std::span<const std::byte> data, std::error_code& error) {
  return detail::reported(error, [&] { return write_some(data); });
}
void tls_stream::write_all(std::span<const std::byte> data, std::error_code& error) {
  detail::reported(error, [&] { write_all(data); });
}
void tls_stream::shutdown_write(std::error_code& error) {
  detail::reported(error, [&] { shutdown_write(); });
}

void tls_stream::close() {
  if (session_) session_->close();
}

int tls_stream::native_handle() const noexcept { return session_ ? session_->native_handle() : -1; }

std::string tls_stream::protocol() const {
  return session("ask").ask([](const SSL* ssl) {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return std::string(reinterpret_cast<const char*>(name), size);
  });
}

std::string tls_stream::server_name() const {
  detail::tls_session& s = session("ask");
  if (!s.host().empty()) return s.host();
  return s.ask([](const SSL* ssl) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return std::string(name != nullptr ? name : "");
  });
}

std::string tls_stream::peer_name() const {
  return session("ask").ask([](const SSL* ssl) {
    const detail::openssl_owner<X509> certificate(SSL_get1_peer_certificate(ssl));
    if (!certificate || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return std::string();
    const detail::openssl_owner<BIO> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
  });
}

std::string tls_stream::version() const {
  return session("ask").ask([](const SSL* ssl) { return std::string(SSL_get_version(ssl)); });
}

bool tls_stream::resumed() const {
  return session("ask").ask([](SSL* ssl) { return SSL_session_reused(ssl) == 1; });
}

}  // namespace weft::io
