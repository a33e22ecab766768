// HTTP over TLS: what brings http::server and http::client together with weft::tls. Needs both targets, weft::http and weft::tls.
//
//   server.serve(listener, over_tls(tls_context::server("chain.pem", "key.pem", {.protocols = {"http/1.1"}})));
//   client c({.secure = to_tls(tls_context::client({.protocols = {"http/1.1"}}))});
#pragma once

#include <string>
#include <utility>

#include <weft/io/http/client.hpp>
#include <weft/io/http/server.hpp>
#include <weft/io/tls/stream.hpp>

namespace weft::io::http {

[[nodiscard]] inline stream_wrapper over_tls(tls_context context) {
  return
      [context = std::move(context)](tcp_stream s) -> any_stream { return tls_stream::accept(context, std::move(s)); };
}

[[nodiscard]] inline secure_wrapper to_tls(tls_context context = tls_context::client({.protocols = {"http/1.1"}})) {
  return [context = std::move(context)](tcp_stream s, const std::string& host) -> any_stream {
    return tls_stream::connect(context, std::move(s), host);
  };
}

}  // namespace weft::io::http
