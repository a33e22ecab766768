// While it lives, SIGINT and SIGTERM end a run(): the first cancels its root scope, the second, or the end of the grace, the process.
#pragma once

#include <chrono>

#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/signal_hub.hpp>

namespace weft::detail {

class shutdown_watch final : signal_listener {
 public:
  // Throws std::system_error.
  shutdown_watch(scope& root, std::chrono::nanoseconds grace);
  ~shutdown_watch() override;

 private:
  void arrived(int number) noexcept override;
  [[nodiscard]] clock::time_point limit() const noexcept override { return limit_; }
  void overdue() noexcept override;
  [[noreturn]] void give_up(const char* why) const noexcept;

  scope& root_;
  const std::chrono::nanoseconds grace_;
  int number_ = 0;  // of the signal that has come
  clock::time_point limit_ = clock::time_point::max();
};

}  // namespace weft::detail
