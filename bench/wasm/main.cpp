// The workloads of guests; what each of them does is said in bench/workloads.json.
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/channel.hpp>
#include <weft/wasm/wasm.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

#include "../harness/harness.hpp"
#include "../harness/leaf.hpp"

namespace {

constexpr long picture_size = 256;  // about 10 ms of computing
constexpr int hogs = 4;

// What guests may call: one function that answers at once, and one that waits for its next turn.
weft::wasm::guest_options with_host_functions() {
  weft::wasm::host_functions host;
  host.add_immediate("host", "at_once", [](std::int32_t number) { return number; });
  host.add("host", "after_a_turn", [](std::int32_t number) {
    weft::yield();
    return number;
  });
  return {.functions = host};
}

// Runs f(module of the guests) on a fiber. Code is compiled anew each time: nothing measured here depends on the cache.
template <class F>
double with_guests(unsigned workers, F f) {
  return weft::run(weft::options{.workers = workers}, [&f] {
    weft::wasm::engine engine({.cache_directory = std::filesystem::path()});
    return f(engine.load(WEFT_BENCH_GUESTS));
  });
}

double guest_start(unsigned workers, long size) {
  return with_guests(workers, [size](const weft::wasm::module& module) {
    weft::wasm::guest guest(module, with_host_functions());
    return 1e-3 * bench::nanoseconds_each(size, [&guest](long n) {
             for (long i = 0; i < n; ++i) bench::require(guest.call("answer") == 42, "the guest's answer");
           });
  });
}

double host_calls(const char* function, unsigned workers, long size) {
  return with_guests(workers, [=](const weft::wasm::module& module) {
    weft::wasm::guest guest(module, with_host_functions());
    return bench::nanoseconds_each(size, [&](long n) {
      const auto expected =
          static_cast<std::int32_t>(static_cast<std::uint64_t>(n) * static_cast<std::uint64_t>(n - 1) / 2);
      bench::require(guest.call(function, {n}) == expected, "the sum of what the host answered");
    });
  });
}

double host_call(unsigned workers, long size) { return host_calls("call_at_once", workers, size); }

double host_call_waiting(unsigned workers, long size) { return host_calls("call_after_a_turn", workers, size); }

double short_guests(unsigned workers, long size) {
  return with_guests(workers, [size](const weft::wasm::module& module) {
    const weft::wasm::guest prototype(module, with_host_functions());
    return bench::seconds([&] {
      weft::group g;
      for (long i = 0; i < size; ++i) {
        g.spawn([&] {
          weft::wasm::guest guest = prototype;
          bench::require(guest.call("answer") == 42, "the guest's answer");
        });
      }
    });
  });
}

// How long it takes a guest that spins to be gone, from the moment it is told to.
double cancel_spinning_guest(unsigned workers, long size) {
  using clock = std::chrono::steady_clock;
  return with_guests(workers, [size](const weft::wasm::module& module) {
    const weft::wasm::guest_options options = with_host_functions();
    std::vector<double> latencies;
    for (long i = 0; i < size; ++i) {
      weft::group g;
      g.spawn([&] {
        weft::wasm::guest guest(module, options);
        guest.call("spin");
      });
      weft::sleep_for(std::chrono::microseconds(3000 + 37 * (i % 50)));  // at any place of a time slice
      const auto told = clock::now();
      g.cancel();
      g.join();
      latencies.push_back(std::chrono::duration<double, std::milli>(clock::now() - told).count());
    }
    return bench::percentile_99(latencies);
  });
}

double compute_guests(unsigned workers, long size) {
  return with_guests(workers, [size](const weft::wasm::module& module) {
    const auto expected = static_cast<std::int64_t>(bench::mandelbrot_rows(picture_size, 0, picture_size));
    return bench::seconds([&] {
      weft::group g;
      for (long i = 0; i < size; ++i) {
        g.spawn([&] {
          weft::wasm::guest guest(module, with_host_functions());
          bench::require(guest.call("mandelbrot", {picture_size}) == expected, "the guest's picture");
        });
      }
    });
  });
}

double ticker_with_hog_guests(unsigned workers, long size) {
  using clock = std::chrono::steady_clock;
  return with_guests(workers, [size](const weft::wasm::module& module) {
    weft::group g;
    for (int i = 0; i < hogs; ++i) {
      g.spawn([&module] {
        weft::wasm::guest guest(module, with_host_functions());
        guest.call("spin");
      });
    }
    std::vector<double> lateness;
    const auto begin = clock::now();
    for (long tick = 1; tick <= size; ++tick) {
      const auto due = begin + std::chrono::milliseconds(tick);
      if (clock::now() < due) weft::sleep_until(due);  // one that is late already does not wait again
      lateness.push_back(std::chrono::duration<double, std::milli>(clock::now() - due).count());
    }
    g.cancel();
    return bench::percentile_99(lateness);
  });
}

// ---- guests as parts of a program: talkers.c

weft::wasm::host_functions host_of_talkers() {
  weft::wasm::host_functions host;
  host.add_immediate("bench", "at_once", [](int n) { return n; });
  host.add("bench", "parking", [](int n) { return n; });
  return host;
}

// Runs f(module of the talkers) on a fiber, with what it imports.
template <class F>
double with_talkers(unsigned workers, F f) {
  return weft::run(weft::options{.workers = workers}, [&f] {
    weft::wasm::engine engine({.cache_directory = std::filesystem::path()});
    return f(engine.load(WEFT_BENCH_TALKERS));
  });
}

std::uint32_t sum_below(long n) { return static_cast<std::uint32_t>(n * (n - 1) / 2); }

double typed_call(unsigned workers, long size) {
  return with_talkers(workers, [size](const weft::wasm::module& module) {
    weft::wasm::instance instance(module, {.functions = host_of_talkers()});
    const auto answer = instance.function<int()>("answer");
    return bench::nanoseconds_each(size, [&answer](long n) {
      for (long i = 0; i < n; ++i) bench::require(answer() == 42, "the guest's answer");
    });
  });
}

double host_calls(unsigned workers, long size, const char* function) {
  return with_talkers(workers, [size, function](const weft::wasm::module& module) {
    weft::wasm::instance instance(module, {.functions = host_of_talkers()});
    const auto call = instance.function<std::uint32_t(int)>(function);
    return bench::nanoseconds_each(size, [&call](long n) {
      bench::require(call(static_cast<int>(n)) == sum_below(n), "the sum of the host's answers");
    });
  });
}

double host_call_at_once(unsigned workers, long size) { return host_calls(workers, size, "call_at_once"); }
double host_call_parking(unsigned workers, long size) { return host_calls(workers, size, "call_parking"); }

constexpr std::size_t talk_buffer = 128;

double talk_between_guests(unsigned workers, long size) {
  return with_talkers(workers, [size](const weft::wasm::module& module) {
    return bench::nanoseconds_each(size, [&module](long n) {
      auto [send, receive] = weft::make_channel<weft::wasm::message>(talk_buffer);
      weft::group g;
      g.spawn([&, send = std::move(send)] {
        weft::wasm::guest sender(module, {.functions = host_of_talkers(), .channels = {{"", send}}});
        bench::require(sender.call("send_all", {n}) == 1, "all is sent");
      });
      weft::wasm::instance receiver(module, {.functions = host_of_talkers(), .channels = {{"", receive}}});
      bench::require(receiver.call<std::uint32_t(int)>("receive_all", static_cast<int>(n)) == sum_below(n), "the sum");
    });
  });
}

double talk_to_fiber(unsigned workers, long size) {
  return with_talkers(workers, [size](const weft::wasm::module& module) {
    return bench::nanoseconds_each(size, [&module](long n) {
      auto [send, receive] = weft::make_channel<weft::wasm::message>(talk_buffer);
      weft::group g;
      g.spawn([&, send = std::move(send)] {
        weft::wasm::guest sender(module, {.functions = host_of_talkers(), .channels = {{"", send}}});
        bench::require(sender.call("send_all", {n}) == 1, "all is sent");
      });
      std::uint32_t sum = 0;
      for (const weft::wasm::message& m : receive) {
        std::uint32_t value = 0;
        std::memcpy(&value, m.bytes().data(), sizeof value);
        sum += value;
      }
      bench::require(sum == sum_below(n), "the sum");
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr bench::workload workloads[] = {
      {"guest_start", "us", guest_start},
      {"host_call", "ns", host_call},
      {"host_call_waiting", "ns", host_call_waiting},
      {"short_guests", "s", short_guests},
      {"cancel_spinning_guest", "ms", cancel_spinning_guest},
      {"compute_guests", "s", compute_guests},
      {"ticker_with_hog_guests", "ms", ticker_with_hog_guests},
      {"typed_call", "ns", typed_call},
      {"host_call_at_once", "ns", host_call_at_once},
      {"host_call_parking", "ns", host_call_parking},
      {"talk_between_guests", "ns", talk_between_guests},
      {"talk_to_fiber", "ns", talk_to_fiber},
  };
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
