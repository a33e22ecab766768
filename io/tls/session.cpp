#include <weft/io/tls/detail/session.hpp>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>
#include <mutex>
#include <utility>

#include <weft/io/tls/error.hpp>

namespace weft::io::detail {

namespace {

constexpr std::size_t record_size = 17 << 10;   // the largest record and its frame
constexpr std::size_t most_at_once = 64 << 10;  // plain bytes that are encrypted before they are sent

bool is_numeric(const std::string& host) noexcept {
  std::array<unsigned char, 16> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

int clamp(std::size_t size) noexcept { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

struct reason {
  tls_errc code;
  std::string text;
};

reason reason_of_verification(long result, bool of_client) {
  const std::string text = X509_verify_cert_error_string(result);
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {tls_errc::wrong_host, text};
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {tls_errc::expired_certificate, text};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      return {tls_errc::untrusted_certificate,
              text + (of_client ? " (name its authority in tls_server_options::client_authorities)"
                                : " (name its authority in tls_client_options::authorities)")};
    default:
      return {tls_errc::untrusted_certificate, text};
  }
}

// Of the oldest error in the queue, which is the cause of the others.
reason reason_of_failure(long verification, bool of_client) {
  const unsigned long error = ERR_peek_error();
  const int why = ERR_GET_REASON(error);
  if (why == SSL_R_CERTIFICATE_VERIFY_FAILED) return reason_of_verification(verification, of_client);
  const std::string text = take_openssl_error();
  if (why == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return {tls_errc::untrusted_certificate, "it has shown no certificate"};
  }
  if (why == SSL_R_NO_APPLICATION_PROTOCOL || why == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL) {
    return {tls_errc::no_common_protocol, text};
  }
  if (why > SSL_AD_REASON_OFFSET && why <= SSL_AD_REASON_OFFSET + 255) return {tls_errc::refused_by_peer, text};
  if (why == SSL_R_WRONG_VERSION_NUMBER)
    return {tls_errc::protocol_failure, text + " (is it TLS that the peer speaks?)"};
  return {tls_errc::protocol_failure, text};
}

}  // namespace

int keep_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<tls_session*>(SSL_get_app_data(ssl));
  try {
    self->context().keep_session(self->host(), openssl_owner<SSL_SESSION>(session));
  } catch (...) {  // memory; the session went with it
  }
  return 1;
}

tls_session::tls_session(std::shared_ptr<tls_context_core> context, any_stream connection, std::string host)
    : context_(std::move(context)), host_(std::move(host)), connection_(std::move(connection)) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->get()));
  openssl_owner<BIO> in(BIO_new(BIO_s_mem()));
  openssl_owner<BIO> out(BIO_new(BIO_s_mem()));
  if (!ssl_ || !in || !out) throw std::bad_alloc();
  incoming_ = in.release();
  outgoing_ = out.release();
  SSL_set_bio(ssl_.get(), incoming_, outgoing_);
  SSL_set_app_data(ssl_.get(), this);
  context_->is_server() ? SSL_set_accept_state(ssl_.get()) : prepare_client();
}

// Freed as if both sides had said goodbye: otherwise OpenSSL takes the session for one that must not be resumed.
tls_session::~tls_session() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

void tls_session::prepare_client() {
  SSL* ssl = ssl_.get();
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl);
  if (is_numeric(host_)) {
    X509_VERIFY_PARAM_set1_ip_asc(expected, host_.c_str());
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, host_.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, host_.c_str()) != 1) {
      throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                              "weft::io: cannot ask a TLS server for the host '" + host_ + "'");
    }
  }
  if (const openssl_owner<SSL_SESSION> earlier = context_->take_session(host_)) SSL_set_session(ssl, earlier.get());
}

std::string tls_session::peer() const { return host_.empty() ? "a TLS client" : host_; }

// ---------------------------------------------------------------------------------------------------- OpenSSL's calls

template <class Call>
tls_session::outcome tls_session::attempt(const char* action, Call call) {
  const std::lock_guard guard(state_);
  ERR_clear_error();
  const int result = call(ssl_.get());
  outcome o = read_outcome(action, result);
  if (BIO_ctrl_pending(outgoing_) != 0) has_outgoing_.store(true, std::memory_order_seq_cst);
  return o;
}

tls_session::outcome tls_session::read_outcome(const char* action, int result) {
  if (result > 0)
    return {.what = progress::made, .bytes = static_cast<std::size_t>(result), .inputs = inputs_, .error = {}};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_ZERO_RETURN:
      return {.what = progress::end, .bytes = 0, .inputs = inputs_, .error = {}};
    case SSL_ERROR_WANT_READ:
      return {.what = progress::needs_input, .bytes = 0, .inputs = inputs_, .error = {}};
    default:
      return {.what = progress::failed, .bytes = 0, .inputs = inputs_, .error = failure(action)};
  }
}

std::system_error tls_session::failure(const char* action) {
  const reason r = reason_of_failure(SSL_get_verify_result(ssl_.get()), context_->is_server());
  ERR_clear_error();
  return {make_error_code(r.code), std::string("weft::io: cannot ") + action + " " + peer() + ": " + r.text};
}

template <class Call>
std::size_t tls_session::complete(const char* action, Call call) {
  for (;;) {
    outcome o = attempt(action, call);
    switch (o.what) {
      case progress::made:
        return o.bytes;
      case progress::end:
        return 0;
      case progress::failed:
        // The peer is told why. That it may be gone is not what matters now.
        try {
          flush(turn::if_free);
        } catch (const std::system_error&) {
        }
        throw std::system_error(*o.error);
      case progress::needs_input:
        flush(turn::if_free);
        receive(o.inputs);
    }
  }
}

void tls_session::shake_hands() {
  try {
    complete("agree on TLS with", [](SSL* ssl) { return SSL_do_handshake(ssl); });
    flush(turn::awaited);
  } catch (...) {
    context_->count_failure();
    throw;
  }
  context_->count_handshake(ask([](SSL* ssl) { return SSL_session_reused(ssl) == 1; }));
  if (!context_->is_server()) keep_session_of_old_version();
}

// TLS 1.2 gives no new session to who resumes one, which may be used again. (That of TLS 1.3 may not.)
void tls_session::keep_session_of_old_version() {
  openssl_owner<SSL_SESSION> session(
      ask([](SSL* ssl) { return SSL_version(ssl) == TLS1_2_VERSION ? SSL_get1_session(ssl) : nullptr; }));
  if (session) context_->keep_session(host_, std::move(session));
}

std::size_t tls_session::read(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  return complete("read from", [buffer](SSL* ssl) { return SSL_read(ssl, buffer.data(), clamp(buffer.size())); });
}

// Each buffer makes records of its own; they are sent together.
std::size_t tls_session::write(std::span<const iovec> data) {
  std::size_t left = most_at_once;
  std::size_t taken = 0;
  for (const iovec& v : data) {
    const std::size_t size = std::min(v.iov_len, left);
    if (size == 0) continue;
    taken += complete("write to", [&](SSL* ssl) { return SSL_write(ssl, v.iov_base, clamp(size)); });
    left -= size;
  }
  flush(turn::awaited);
  return taken;
}

void tls_session::shutdown_write() {
  attempt("say goodbye to", [](SSL* ssl) {
    SSL_shutdown(ssl);
    return 1;
  });
  flush(turn::awaited);
  connection_.shutdown_write();
}

// ---------------------------------------------------------------------------------------------------- the connection

// Brings in what OpenSSL needs, unless another fiber has since it said so.
void tls_session::receive(std::uint64_t inputs_seen) {
  const std::lock_guard receiving(receiving_);
  {
    const std::lock_guard guard(state_);
    if (inputs_ != inputs_seen) return;
  }
  if (received_size_ == 0) {
    received_.resize(record_size);
    received_size_ = connection_.read_some(received_);
    if (received_size_ == 0) {
      throw std::system_error(make_error_code(tls_errc::truncated),
                              "weft::io: cannot read from " + peer() +
                                  ": the connection has ended, but the peer did not say that it would");
    }
  }
  const std::lock_guard guard(state_);
  BIO_write(incoming_, received_.data(), clamp(received_size_));
  received_size_ = 0;
  ++inputs_;
}

// Whoever holds the turn looks again when it has given it up, so what comes meanwhile is sent in any case: either this sees the turn free, or
// that one sees that there is something.
void tls_session::flush(turn how) {
  while (has_outgoing_.load(std::memory_order_seq_cst)) {
    std::unique_lock sending(sending_, std::defer_lock);
    if (how == turn::awaited) {
      sending.lock();
    } else if (!sending.try_lock()) {
      return;
    }
    send_outgoing();
  }
}

void tls_session::send_outgoing() {
  do {
    while (sent_ < sending_bytes_.size()) {
      sent_ += connection_.write_some(std::span<const std::byte>(sending_bytes_).subspan(sent_));
    }
  } while (take_outgoing());
}

// False if there is nothing.
bool tls_session::take_outgoing() {
  const std::lock_guard guard(state_);
  const std::size_t size = BIO_ctrl_pending(outgoing_);
  sending_bytes_.resize(size);
  sent_ = 0;
  if (size == 0) {
    has_outgoing_.store(false, std::memory_order_release);
    return false;
  }
  BIO_read(outgoing_, sending_bytes_.data(), clamp(size));
  return true;
}

}  // namespace weft::io::detail
