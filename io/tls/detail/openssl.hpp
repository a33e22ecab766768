// OpenSSL's objects with owners, and its errors as text. Its queue of errors belongs to the thread: nothing may park between a call and
// the question why it failed.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace weft::io::detail {

struct openssl_free {
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
  void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free(p); }
};
template <class T>
using openssl_owner = std::unique_ptr<T, openssl_free>;

// What the oldest error of the queue says; empties the queue.
std::string take_openssl_error();

}  // namespace weft::io::detail
