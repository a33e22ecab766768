// curl on the other side.
#include <fstream>

#include <weft/io/http/https.hpp>

#include "http_support.hpp"
#include "tls/credentials.hpp"

namespace weft::io::http::test {
namespace {

using curl_test = io_test;

std::string curl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"curl", "--silent", "--show-error", "--max-time", "30", "--noproxy", "*"});
  return output_of(std::move(arguments));
}

TEST_F(curl_test, gets_posts_and_heads) {
  const io::test::temporary_folder folder;
  const std::string file = (folder / "upload").string();
  const std::string large(3'000'000, 'z');
  std::ofstream(file) << large;
  weft::test::run([&] {
    with_server(&tell, {}, [](const address& at, server& s) {
      EXPECT_EQ(curl({url_of(at, "/a?b"), url_of(at, "/c")}), "GET /a?bGET /c");
      EXPECT_EQ(s.statistics().accepted, 1U) << "curl keeps connections";
      EXPECT_EQ(without_dates(curl({"--head", url_of(at, "/")})),
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n");
      EXPECT_EQ(curl({"--http1.0", url_of(at, "/old")}), "GET /old");
    });
    with_server(&echo, {}, [&](const address& at, server&) {
      EXPECT_EQ(curl({"--data-binary", "hello", url_of(at, "/")}), "hello");
      EXPECT_EQ(curl({"--data-binary", "@" + file, "--header", "Expect: 100-continue", url_of(at, "/")}), large);
      EXPECT_EQ(curl({"--data-binary", "@" + file, "--header", "Transfer-Encoding: chunked", url_of(at, "/")}), large);
    });
    with_server(&echo, {.body_limit = 1'000}, [&](const address& at, server&) {
      EXPECT_EQ(
          curl({"--data-binary", "@" + file, "--output", "/dev/null", "--write-out", "%{http_code}", url_of(at, "/")}),
          "413");
    });
  });
}

TEST_F(curl_test, over_tls) {
  const io::test::temporary_folder folder;
  const io::test::authority ca(folder);
  const io::test::credentials own = ca.issue("IP:127.0.0.1");
  weft::test::run([&] {
    const tls_context context = tls_context::server(own.chain, own.key, {.protocols = {"http/1.1"}});
    with_server(
        &echo, {},
        [&](const address& at, server& s) {
          const std::string where = "https://" + at.to_string() + "/";
          const std::string large(500'000, 'y');
          EXPECT_EQ(
              curl({"--cacert", ca.certificate().string(), "--data-binary", large.substr(0, 100'000), where, where}),
              large.substr(0, 200'000));
          EXPECT_EQ(s.statistics().accepted, 1U);
        },
        over_tls(context));
  });
}

}  // namespace
}  // namespace weft::io::http::test
