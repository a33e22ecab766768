// What a guest may take of time: on a CPU, which is metered while it runs and not while it waits, and altogether in its calls.
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

  explicit time_budget(const guest_options& options) noexcept
      : cpu_limit_(options.limits.cpu_time),
        wall_time_left_(options.limits.wall_time),
        has_end_(options.limits.wall_time.count() > 0),
        meters_(options.measure_cpu_time || cpu_limit_.count() > 0) {}

  // While one lives the guest is in a call, and the time altogether passes.
  class call {
   public:
    explicit call(time_budget& of) noexcept : of_(of) {
      if (of_.has_end_) of_.end_ = clock::now() + of_.wall_time_left_;
    }
    ~call() {
      if (of_.has_end_) of_.wall_time_left_ = of_.left();
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;

   private:
    time_budget& of_;
  };

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
    if (has_end_ && clock::now() >= end_) return trap_code::time_limit;
    return std::nullopt;
  }

  [[nodiscard]] bool has_end() const noexcept { return has_end_; }
  // Of the time altogether, within a call.
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept { return end_ - clock::now(); }
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept { return cpu_time_; }

 private:
  static std::chrono::nanoseconds now_on_cpu() noexcept {
    timespec t = {};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  }

  std::chrono::nanoseconds cpu_limit_;
  clock::duration wall_time_left_;  // before the call under way
  clock::time_point end_;           // within a call
  bool has_end_;
  std::chrono::nanoseconds cpu_time_{};
  bool meters_;
};

}  // namespace weft::wasm::detail
