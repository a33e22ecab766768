// The engine on io_uring: one ring a worker, used by that worker's thread alone.
//
// Operations are queued as they start and submitted together when the worker has nothing else to run, or every few
// switches. The worker sleeps in the ring's own wait; others wake it through an eventfd that the ring watches, and only
// when it really sleeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include <weft/io/detail/engine.hpp>
#include <weft/io/uring/ring.hpp>

namespace weft::io::uring {

class uring_engine final : public detail::engine {
 public:
  // Throws std::system_error; see ring.
  explicit uring_engine(unsigned worker);
  ~uring_engine() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
  bool poll() noexcept override;
  void wait(time_point until) noexcept override;
  void interrupt() noexcept override;
  [[nodiscard]] bool busy() const noexcept override {
    return expected_ != 0 || backlog_first_ != nullptr || late_cancels_ != nullptr || has_cancel_requests();
  }
  [[nodiscard]] std::uint64_t operations() const noexcept override { return started_.load(std::memory_order_relaxed); }

  void start(detail::operation& op) noexcept override;

 private:
  enum class rest : std::uint32_t {
    awake,        // looks for itself before it sleeps
    asleep,       // or about to: must be woken through the eventfd
    interrupted,  // has been asked not to sleep
  };

  void cancel(detail::operation& op) noexcept override;

  bool submit(detail::operation& op) noexcept;
  void queue_cancel(detail::operation& op) noexcept;
  bool take_from_backlog(detail::operation& op) noexcept;
  bool work_off_backlog() noexcept;
  void watch_for_interrupts() noexcept;

  void handle(std::uint64_t tag, int result, unsigned flags) noexcept;
  void handle_cancel(detail::operation& op, int result) noexcept;
  bool reap() noexcept;
  bool reap_all() noexcept;
  void end_everything() noexcept;

  ring ring_;
  int event_fd_;
  bool watching_ = false;  // the ring watches the eventfd
  bool ending_ = false;
  std::uint64_t expected_ = 0;  // completions to come, of operations and cancellations
  // What found no room in the submission queue while the kernel took nothing: operations (linked by `next`), oldest first, and
  // targets of cancellations (by `next_cancel`).
  detail::operation* backlog_first_ = nullptr;
  detail::operation* backlog_last_ = nullptr;
  detail::operation* late_cancels_ = nullptr;
  std::atomic<std::uint64_t> started_{0};
  alignas(64) std::atomic<rest> rest_{rest::awake};
};

// The factory that runtimes use by default once I/O is linked.
[[nodiscard]] std::unique_ptr<driver> make_engine(unsigned worker);

}  // namespace weft::io::uring
