// The workloads of guests; what each of them does is said in bench/workloads.json.
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/engine.hpp>
#include <weft/wasm/guest.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "../harness/harness.hpp"
#include "../harness/leaf.hpp"

namespace {

constexpr long picture_size = 256;  // about 10 ms of computing
constexpr int hogs = 4;

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
    weft::wasm::guest guest(module);
    return 1e-3 * bench::nanoseconds_each(size, [&guest](long n) {
             for (long i = 0; i < n; ++i) bench::require(guest.call("answer") == 42, "the guest's answer");
           });
  });
}

double compute_guests(unsigned workers, long size) {
  return with_guests(workers, [size](const weft::wasm::module& module) {
    const auto expected = static_cast<std::int64_t>(bench::mandelbrot_rows(picture_size, 0, picture_size));
    return bench::seconds([&] {
      weft::group g;
      for (long i = 0; i < size; ++i) {
        g.spawn([&] {
          weft::wasm::guest guest(module);
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
        weft::wasm::guest guest(module);
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

}  // namespace

int main(int argc, char** argv) {
  static constexpr bench::workload workloads[] = {
      {"guest_start", "us", guest_start},
      {"compute_guests", "s", compute_guests},
      {"ticker_with_hog_guests", "ms", ticker_with_hog_guests},
  };
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
