// Links what HTTP and TLS need, and serves one request over both.
#include <cstdio>
#include <system_error>
#include <weft/io/http/https.hpp>
#include <weft/weft.hpp>

int main() {
  return weft::run([] {
    namespace http = weft::io::http;
    http::server server([](http::request& r) { return http::text(std::string(r.path())); });
    weft::io::tcp_listener listener{"127.0.0.1:0"};
    weft::group g;
    g.spawn([&] { server.serve(listener); });
    const std::string where = "127.0.0.1:" + std::to_string(listener.local_address().port()) + "/path";
    const bool plain = http::get("http://" + where).text() == "/path";
    bool refused = false;
    try {
      (void)http::get("https://" + where, {.secure = http::to_tls()});
    } catch (const std::system_error&) {  // it speaks no TLS
      refused = true;
    }
    server.drain();
    std::printf("web: plain %d, refused %d\n", plain, refused);
    return plain && refused ? 0 : 1;
  });
}
