// Load generators on the other side: many connections at once, requests sent ahead.
#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

using load_test = io_test;

// The number of requests that the server has answered, as a load generator's summary has to say it.
TEST_F(load_test, wrk_and_h2load_get_all_that_they_ask_for) {
  weft::test::run([] {
    with_server(&tell, {}, [](const address& at, const server&) {
      const std::string wrk = output_of(
          {"wrk", "--threads", "1", "--connections", "32", "--duration", "1s", "--timeout", "20s", url_of(at, "/wrk")});
      EXPECT_NE(wrk.find("Requests/sec:"), std::string::npos) << wrk;
      EXPECT_EQ(wrk.find("Socket errors:"), std::string::npos) << wrk;
      EXPECT_EQ(wrk.find("Non-2xx"), std::string::npos) << wrk;
      // Eight requests of a connection are under way at once.
      const std::string h2load = output_of({"h2load", "--h1", "--requests", "2000", "--clients", "20",
                                            "--max-concurrent-streams", "8", url_of(at, "/h2load")});
      EXPECT_NE(h2load.find("2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed"), std::string::npos)
          << h2load;
      EXPECT_NE(h2load.find("status codes: 2000 2xx"), std::string::npos) << h2load;
    });
  });
}

}  // namespace
}  // namespace weft::io::http::test
