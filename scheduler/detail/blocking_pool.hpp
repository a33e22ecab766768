// Threads for calls that block: started as needed up to a bound, retired when idle.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

#include <weft/scheduler/blocking.hpp>

namespace weft::detail {

class blocking_pool {
 public:
  // Each thread begins with prepare().
  blocking_pool(unsigned most_threads, std::function<void()> prepare)
      : most_threads_(most_threads == 0 ? 1 : most_threads), prepare_(std::move(prepare)) {}
  // Waits for the calls that run; none may be queued.
  ~blocking_pool();
  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  // Queues the call, which signals its ticket when done. Throws std::system_error when no thread can be started and
  // none exists.
  void submit(blocking_call& call);

  struct usage {
    std::size_t busy;    // threads that run a call
    std::size_t idle;    // threads that wait for one
    std::size_t queued;  // calls that wait for a thread
  };
  [[nodiscard]] usage use() const;

  std::atomic<unsigned> callers{0};  // fibers that wait for a call to end

 private:
  void serve();
  void start_thread();

  const unsigned most_threads_;
  const std::function<void()> prepare_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable retired_;
  blocking_call* head_ = nullptr;
  blocking_call* tail_ = nullptr;
  std::size_t queued_ = 0;
  unsigned threads_ = 0;
  unsigned idle_ = 0;
  unsigned busy_ = 0;
  bool ending_ = false;
};

}  // namespace weft::detail
