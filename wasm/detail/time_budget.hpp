// What a guest may take of time: on a CPU, which is metered while it runs and not while it waits, and altogether.
#pragma once

#include <time.h>

#include <chrono>
#include <optional>
#include <utility>

#include <weft/wasm/error.hpp>
#include <weft/wasm/guest_options.hpp>

namespace weft::wasm::detail {

class time_budget {
 public:
  using clock = std::chrono::steady_clock;

  // The time altogether begins now.
  explicit time_budget(const guest_options& options) noexcept
      : cpu_limit_(options.limits.cpu_time),
        end_(options.limits.wall_time.count() > 0 ? clock::now() + options.limits.wall_time : clock::time_point::max()),
        meters_(options.measure_cpu_time || cpu_limit_.count() > 0) {}

  // Runs f, which must not park: the meter is that of the thread.
  template <class F>
  auto run(F&& f) {
    if (!meters_) return std::forward<F>(f)();
    const std::chrono::nanoseconds begin = now_on_cpu();
    auto result = std::forward<F>(f)();
    cpu_time_ += now_on_cpu() - begin;
    return result;
  }

  // Which limit has been passed, if one has.
  [[nodiscard]] std::optional<trap_code> passed() const noexcept {
    if (cpu_limit_.count() > 0 && cpu_time_ > cpu_limit_) return trap_code::cpu_limit;
    if (has_end() && clock::now() >= end_) return trap_code::time_limit;
    return std::nullopt;
  }

  [[nodiscard]] bool has_end() const noexcept { return end_ != clock::time_point::max(); }
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept { return end_ - clock::now(); }
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept { return cpu_time_; }

 private:
  static std::chrono::nanoseconds now_on_cpu() noexcept {
    timespec t = {};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  }

  std::chrono::nanoseconds cpu_limit_;
  clock::time_point end_;
  std::chrono::nanoseconds cpu_time_{};
  bool meters_;
};

}  // namespace weft::wasm::detail
