// Fetches many pages at once with libcurl's plainest interface: each curl_easy_perform() would block a thread, and parks a fiber.
//
//   curl_fan_out URL...        prints the size of each page, or why there is none
//   curl_fan_out --self-test   fetches 50 from a server of its own, on the same one worker
#include <curl/curl.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weft/io/http/server.hpp>
#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

namespace http = weft::io::http;
using namespace std::chrono_literals;

struct close_easy {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};

std::size_t append(const char* data, std::size_t size, std::size_t count, std::string* body) {
  body->append(data, size * count);
  return size * count;
}

// Nothing in here knows of fibers.
CURLcode fetch(const std::string& url, std::string& body) {
  const std::unique_ptr<CURL, close_easy> c(curl_easy_init());
  curl_easy_setopt(c.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(c.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(c.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(c.get(), CURLOPT_NOSIGNAL, 1L);
  return curl_easy_perform(c.get());
}

int fetch_all(const std::vector<std::string>& urls) {
  int fetched = 0;
  weft::with_deadline(30s, [&] {
    weft::group g;
    std::vector<weft::task<CURLcode>> codes;
    std::vector<std::string> bodies(urls.size());
    for (std::size_t i = 0; i < urls.size(); ++i) {
      codes.push_back(g.spawn([&, i] { return fetch(urls[i], bodies[i]); }));
    }
    for (std::size_t i = 0; i < urls.size(); ++i) {
      const CURLcode code = codes[i].get();
      if (code == CURLE_OK) ++fetched;
      std::printf("%s: %s\n", urls[i].c_str(),
                  code == CURLE_OK ? (std::to_string(bodies[i].size()) + " bytes").c_str() : curl_easy_strerror(code));
    }
  });
  return fetched;
}

int self_test() {
  return weft::run({.workers = 1}, [] {
    weft::io::tcp_listener listener{"127.0.0.1:0"};
    http::server server([](http::request&) {
      weft::sleep_for(50ms);  // meanwhile the others' requests come
      return http::text("a page");
    });
    weft::group g;
    g.spawn_daemon([&] { server.serve(listener); });
    const std::string url = "http://" + listener.local_address().to_string() + "/";
    const int fetched = fetch_all(std::vector<std::string>(50, url));
    std::printf("%d of 50 pages\n", fetched);
    return fetched == 50 ? 0 : 1;
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: curl_fan_out URL... | --self-test\n", stderr);
    return 2;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (std::string_view(argv[1]) == "--self-test") return self_test();
  const std::vector<std::string> urls(argv + 1, argv + argc);
  return weft::run([&] { return fetch_all(urls) == static_cast<int>(urls.size()) ? 0 : 1; });
}
