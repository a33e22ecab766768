// The clock of time slices: a thread that calls a function every millisecond while guests run, and sleeps when none does.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace weft::wasm::detail {

class ticker {
 public:
  // Long enough to be cheap, short enough that a cancelled guest is gone and a ready one has its turn within moments.
  static constexpr std::chrono::nanoseconds slice = std::chrono::milliseconds(1);
  // It sleeps after as many that nobody wanted: enough that guests which come one after another do not wake it each time.
  static constexpr int idle_ticks_before_sleep = 50;

  // The thread starts with the first guest; the destructor awaits its end, and parks meanwhile. `tick` is called on it and must not throw.
  explicit ticker(std::function<void()> tick) : tick_(std::move(tick)) {}
  ~ticker();
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;

  // A guest begins to run: there will be a tick after this. Any thread; costs a load, and once in a slice a store. Throws
  // std::system_error if the thread cannot be had.
  void run() {
    if (!wanted_.load(std::memory_order_relaxed)) [[unlikely]]
      want();
  }

  [[nodiscard]] bool asleep() const noexcept { return asleep_.load(std::memory_order_relaxed); }

 private:
  void want();
  void awaken();
  void join() noexcept;
  void work();
  bool wait_for_a_slice();
  bool sleep_unless_wanted();

  const std::function<void()> tick_;
  // Whether a guest has begun to run since the thread looked. A guest that runs on meanwhile need not say so: the ticks
  // that still come end its slice, and it begins anew.
  std::atomic<bool> wanted_{false};
  std::atomic<bool> asleep_{true};
  std::mutex mutex_;  // guards what follows, and asleep_ against lost wake-ups
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weft::wasm::detail
