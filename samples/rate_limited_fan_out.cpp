// Many requests at once to a service that allows so many a second and so many at a time, and a deadline for all of it: what is done by then counts.
#include <atomic>
#include <chrono>
#include <cstdio>

#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/rate_limiter.hpp>
#include <weft/sync/semaphore.hpp>

namespace {

using namespace std::chrono_literals;

// Gives its permit back, whatever ends the request.
class connection {
 public:
  explicit connection(weft::counting_semaphore<>& free) : free_(free) { free_.acquire(); }
  ~connection() { free_.release(); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

 private:
  weft::counting_semaphore<>& free_;
};

struct service {
  weft::rate_limiter pace{{.tokens = 200, .per = 1s, .burst = 10}};
  weft::counting_semaphore<> connections{4};
  std::atomic<int> answered{0};

  void request() {
    const connection mine(connections);
    pace.acquire();
    weft::sleep_for(1ms);  // the answer
    answered.fetch_add(1);
  }
};

}  // namespace

int main() {
  return weft::run([] {
    service s;
    const auto begin = std::chrono::steady_clock::now();
    try {
      weft::with_deadline(200ms, [&s] {
        weft::group g("fan-out");
        for (int i = 0; i < 1000; ++i) g.spawn([&s] { s.request(); });
      });
    } catch (const weft::timeout_error&) {
      std::puts("time is up");
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const int answered = s.answered.load();
    std::printf("%d of 1000 requests were answered, %s\n", answered,
                answered <= 10 + 200 * took.count() ? "no more than allowed" : "too many");
    const auto left = s.connections.statistics();
    std::printf("%td of 4 connections are free again, %zu wait\n", left.available, left.waiters);
    return 0;
  });
}
