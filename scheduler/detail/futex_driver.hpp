// The driver of runtimes without an I/O engine: a worker sleeps in a futex.
#pragma once

#include <atomic>

#include <weft/scheduler/driver.hpp>

namespace weft::detail {

class futex_driver final : public driver {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "futex"; }
  bool poll() noexcept override { return false; }
  void wait(time_point until) noexcept override;
  void interrupt() noexcept override;
  [[nodiscard]] bool busy() const noexcept override { return false; }
  [[nodiscard]] std::uint64_t operations() const noexcept override { return 0; }
  [[nodiscard]] const void* kind() const noexcept override;

 private:
  std::atomic<std::uint32_t> interrupted_{0};
};

}  // namespace weft::detail
