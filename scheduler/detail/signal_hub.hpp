// Signals of the process, as ordinary code sees them: a handler counts and posts a semaphore, one thread tells those who listen.
//
// The thread and the handlers exist while somebody listens; then the dispositions are again what they were.
#pragma once

#include <chrono>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace weft::detail {

class signal_listener {
 public:
  using clock = std::chrono::steady_clock;

  // What it listens for. Throws std::invalid_argument for signals that must not be handled like this (faults).
  explicit signal_listener(std::initializer_list<int> numbers);
  virtual ~signal_listener() = default;
  signal_listener(const signal_listener&) = delete;
  signal_listener& operator=(const signal_listener&) = delete;

  // On the hub's thread, one call at a time.
  virtual void arrived(int number) noexcept = 0;
  // When overdue() is to be called; asked after each arrival.
  [[nodiscard]] virtual clock::time_point limit() const noexcept { return clock::time_point::max(); }
  virtual void overdue() noexcept {}

  [[nodiscard]] const std::vector<int>& numbers() const noexcept { return numbers_; }

 private:
  const std::vector<int> numbers_;
};

class signal_hub {
 public:
  static signal_hub& instance();

  // A signal that the process ignores stays ignored. Throws std::system_error. Any thread.
  void add(signal_listener& listener);
  // The listener is not called any more afterwards. Any thread, but not from within a call.
  void remove(signal_listener& listener) noexcept;

  // ---- around fork(): the child has no thread, and no listeners
  void before_fork() noexcept;
  void after_fork_in_parent() noexcept;
  void after_fork_in_child() noexcept;

 private:
  signal_hub() = default;
  void install(int number);
  void uninstall(int number) noexcept;
  void start_thread();
  void stop_thread() noexcept;
  void serve() noexcept;
  void deliver() noexcept;
  signal_listener::clock::time_point end_overdue() noexcept;

  std::mutex members_;  // held by those who come and go
  std::mutex calls_;    // held while listeners are called, and while their list is changed
  std::vector<signal_listener*> listeners_;
  bool ending_ = false;
  std::optional<std::thread> thread_;
};

}  // namespace weft::detail
