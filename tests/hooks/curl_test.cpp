// libcurl, easy and multi, against nginx: HTTP/1.1, HTTP/2, TLS.
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

struct close_easy {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};
using easy = std::unique_ptr<CURL, close_easy>;
struct close_multi {
  void operator()(CURLM* m) const { curl_multi_cleanup(m); }
};

constexpr std::size_t page_size = 300'000;

class web_server {
 public:
  web_server() : plain_(free_port()), secure_(free_port()) {
    const auto& where = directory_.path();
    std::ofstream(where / "page") << std::string(page_size, 'p');
    certificate_ = (where / "certificate.pem").string();
    run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", (where / "key.pem").string(),
         "-out", certificate_});
    std::ofstream(where / "nginx.conf") << configuration();
    server_ = std::make_unique<server>(std::vector<std::string>{"nginx", "-e", (where / "errors").string(), "-p",
                                                                where.string(), "-c", (where / "nginx.conf").string()},
                                       where / "log",
                                       [this] { return accepts_connections(plain_) && accepts_connections(secure_); });
  }

  [[nodiscard]] std::string plain(const std::string& path = "/page") const {
    return "http://localhost:" + std::to_string(plain_) + path;
  }
  [[nodiscard]] std::string secure(const std::string& path = "/page") const {
    return "https://localhost:" + std::to_string(secure_) + path;
  }
  [[nodiscard]] const std::string& certificate() const { return certificate_; }

 private:
  [[nodiscard]] std::string configuration() const {
    const std::string where = directory_.path().string();
    return std::string(::geteuid() == 0 ? "user root;\n" : "") + "daemon off;\nworker_processes 1;\npid " + where +
           "/pid;\nevents { worker_connections 1024; }\nhttp {\naccess_log off;\nclient_body_temp_path " + where +
           "/b;\nproxy_temp_path " + where + "/p;\nfastcgi_temp_path " + where + "/f;\nuwsgi_temp_path " + where +
           "/u;\nscgi_temp_path " + where + "/s;\nserver {\nlisten 127.0.0.1:" + std::to_string(plain_) +
           ";\nlisten 127.0.0.1:" + std::to_string(secure_) + " ssl http2;\nssl_certificate " + certificate_ +
           ";\nssl_certificate_key " + where + "/key.pem;\nroot " + where + ";\nlocation /slow { alias " + where +
           "/page; limit_rate 1000; }\n}\n}\n";
  }

  scratch directory_;
  int plain_, secure_;
  std::string certificate_;
  std::unique_ptr<server> server_;
};

class libcurl : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    server_ = std::make_unique<web_server>();
  }
  static void TearDownTestSuite() {
    server_.reset();
    curl_global_cleanup();
  }
  static const web_server& web() { return *server_; }

 private:
  static inline std::unique_ptr<web_server> server_;
};

std::size_t append(const char* data, std::size_t size, std::size_t count, std::string* body) {
  body->append(data, size * count);
  return size * count;
}

easy request(const std::string& url, std::string& body, const std::string& certificate) {
  easy c(curl_easy_init());
  curl_easy_setopt(c.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(c.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(c.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(c.get(), CURLOPT_CAINFO, certificate.c_str());
  curl_easy_setopt(c.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c.get(), CURLOPT_PROXY, "");
  return c;
}

long http_version(const easy& c) {
  long version = 0;
  curl_easy_getinfo(c.get(), CURLINFO_HTTP_VERSION, &version);
  return version;
}

void fetch_on_fibers(const std::string& url, const std::string& certificate, long version) {
  test::run([&] {
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&] {
        std::string body;
        const easy c = request(url, body, certificate);
        std::array<char, CURL_ERROR_SIZE> reason = {};
        curl_easy_setopt(c.get(), CURLOPT_ERRORBUFFER, reason.data());
        const CURLcode code = curl_easy_perform(c.get());
        EXPECT_EQ(code, CURLE_OK) << curl_easy_strerror(code) << ": " << reason.data();
        EXPECT_EQ(body, std::string(page_size, 'p'));
        EXPECT_EQ(http_version(c), version);
      });
    }
    g.join();
  });
}

TEST_F(libcurl, fetches_on_many_fibers) { fetch_on_fibers(web().plain(), web().certificate(), CURL_HTTP_VERSION_1_1); }

TEST_F(libcurl, fetches_by_tls_and_http_2) {
  fetch_on_fibers(web().secure(), web().certificate(), CURL_HTTP_VERSION_2_0);
}

// Many transfers on one fiber, which waits in curl_multi_poll(), and others that get on beside it.
TEST_F(libcurl, multi) {
  test::run([&] {
    group g;
    for (int fiber = 0; fiber < 4; ++fiber) {
      g.spawn([&, fiber] {
        const std::unique_ptr<CURLM, close_multi> multi(curl_multi_init());
        std::vector<std::string> bodies(10);
        std::vector<easy> transfers;
        for (std::string& body : bodies) {
          transfers.push_back(request(fiber % 2 == 0 ? web().plain() : web().secure(), body, web().certificate()));
          curl_multi_add_handle(multi.get(), transfers.back().get());
        }
        int running = 1;
        while (running > 0) {
          ASSERT_EQ(curl_multi_perform(multi.get(), &running), CURLM_OK);
          if (running == 0) break;
          ASSERT_EQ(curl_multi_poll(multi.get(), nullptr, 0, 10'000, nullptr), CURLM_OK);
        }
        for (const std::string& body : bodies) EXPECT_EQ(body.size(), page_size);
        for (const easy& c : transfers) curl_multi_remove_handle(multi.get(), c.get());
      });
    }
    g.join();
  });
}

TEST_F(libcurl, its_own_time_limit_holds) {
  test::run([&] {
    std::string body;
    const easy c = request(web().plain("/slow"), body, web().certificate());
    curl_easy_setopt(c.get(), CURLOPT_TIMEOUT_MS, 100L);
    EXPECT_EQ(curl_easy_perform(c.get()), CURLE_OPERATION_TIMEDOUT);
  });
}

TEST_F(libcurl, ends_at_a_deadline) {
  test::run([&] {
    CURLcode code = CURLE_OK;
    EXPECT_THROW(with_deadline(100ms,
                               [&] {
                                 std::string body;
                                 const easy c = request(web().plain("/slow"), body, web().certificate());
                                 code = curl_easy_perform(c.get());
                                 yield();
                               }),
                 timeout_error);
    EXPECT_NE(code, CURLE_OK);
  });
}

}  // namespace
}  // namespace weft::hooks_test
