// The clock of time slices: a thread that calls a function every millisecond while guests compute, and sleeps when none
// does.
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

  // The thread starts with the first guest; the destructor awaits its end, and parks meanwhile. `tick` is called on it and must not throw.
  explicit ticker(std::function<void()> tick) : tick_(std::move(tick)) {}
  ~ticker();
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;

  // A guest computes, or no longer does. Any thread; costs one atomic addition unless the thread has gone to sleep,
  // which it does some time after the last guest.
  void begin() {
    computing_.fetch_add(1, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst)) [[unlikely]]
      awaken();
  }
  void end() noexcept { computing_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  void awaken();
  void join() noexcept;
  void work();
  bool wait_for_a_slice();
  bool sleep_unless_needed();

  const std::function<void()> tick_;
  std::atomic<int> computing_{0};
  std::atomic<bool> asleep_{true};
  std::mutex mutex_;  // guards what follows, and asleep_ against lost wake-ups
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// A guest computes from construction to destruction.
class computing {
 public:
  explicit computing(ticker& t) : ticker_(t) { ticker_.begin(); }
  ~computing() { ticker_.end(); }
  computing(const computing&) = delete;
  computing& operator=(const computing&) = delete;

 private:
  ticker& ticker_;
};

// The opposite: a guest that computed waits.
class not_computing {
 public:
  explicit not_computing(ticker& t) noexcept : ticker_(t) { ticker_.end(); }
  ~not_computing() { ticker_.begin(); }
  not_computing(const not_computing&) = delete;
  not_computing& operator=(const not_computing&) = delete;

 private:
  ticker& ticker_;
};

}  // namespace weft::wasm::detail
