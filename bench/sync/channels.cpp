#include <array>
#include <atomic>
#include <optional>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/sync/select.hpp>

#include "../harness/harness.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

void send_all(const weft::sender<long>& send, long first, long end) {
  for (long i = first; i < end; ++i) {
    if (!send.send(i)) require(false, "a send");
  }
}

// One fiber sends n values, another adds them up.
void pass(long n, std::size_t capacity) {
  auto [send, receive] = weft::make_channel<long>(capacity);
  long sum = 0;
  {
    weft::group g;
    g.spawn([&send = send, n] { send_all(send, 0, n); });
    g.spawn([&receive = receive, &sum, n] {
      for (long i = 0; i < n; ++i) sum += receive.receive().value();
    });
  }
  require(sum == n * (n - 1) / 2, "the sum of what was received");
}

double pass_through(unsigned workers, long size, std::size_t capacity) {
  return on_workers(workers, [=] { return nanoseconds_each(size, [=](long n) { pass(n, capacity); }); });
}

}  // namespace

double channel_unbuffered(unsigned workers, long size) { return pass_through(workers, size, 0); }

double channel_buffered(unsigned workers, long size) { return pass_through(workers, size, 128); }

double channel_ping_pong(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      auto [send_ping, receive_ping] = weft::make_channel<long>(0);
      auto [send_pong, receive_pong] = weft::make_channel<long>(0);
      weft::group g;
      g.spawn([&receive = receive_ping, &send = send_pong, n] {
        for (long i = 0; i < n; ++i) {
          if (!send.send(receive.receive().value() + 1)) require(false, "a send");
        }
      });
      g.spawn([&send = send_ping, &receive = receive_pong, n] {
        for (long i = 0; i < n; ++i) {
          if (!send.send(i)) require(false, "a send");
          if (receive.receive().value() != i + 1) require(false, "the answer");
        }
      });
    });
  });
}

double channel_4p4c(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      auto [send, receive] = weft::make_channel<long>(128);
      std::array<long, 4> sums{};
      {
        weft::group consumers;
        for (long& sum : sums) {
          consumers.spawn([&receive = receive, &sum] {
            long mine = 0;
            for (const long value : receive) mine += value;
            sum = mine;
          });
        }
        weft::group producers;
        for (long p = 0; p < 4; ++p)
          producers.spawn([&send = send, p, n] { send_all(send, n * p / 4, n * (p + 1) / 4); });
        producers.join();
        send.close();
      }
      require(sums[0] + sums[1] + sums[2] + sums[3] == n * (n - 1) / 2, "the sum of what was received");
    });
  });
}

// One fiber receives from whichever of four unbuffered channels has a value; each has a fiber that sends.
double select_4(unsigned workers, long size) {
  return on_workers(workers, [size] {
    return nanoseconds_each(size, [](long n) {
      std::array<std::pair<weft::sender<long>, weft::receiver<long>>, 4> channels;
      for (auto& c : channels) c = weft::make_channel<long>(0);
      long sum = 0;
      weft::group g;
      for (long p = 0; p < 4; ++p) {
        g.spawn([&send = channels[static_cast<std::size_t>(p)].first, p, n] {
          send_all(send, n * p / 4, n * (p + 1) / 4);
        });
      }
      const auto add = [&sum](long v) { sum += v; };
      for (long i = 0; i < n; ++i) {
        weft::select(channels[0].second >> add, channels[1].second >> add, channels[2].second >> add,
                     channels[3].second >> add);
      }
      g.join();
      require(sum == n * (n - 1) / 2, "the sum of what was received");
    });
  });
}

}  // namespace bench
