// The engine on io_uring: one ring a worker, used by that worker's thread alone, but for the rescue.
//
// A ring of this kind posts completions only while its owner is in the kernel for them. While a fiber computes for long on the owner's thread, the
// monitor's thread interrupts it by a signal whose handler makes that system call, and reaps in its stead.
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
#include <weft/scheduler/spin_lock.hpp>
#include <weft/scheduler/thread_interrupt.hpp>

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
  bool rescue(pid_t owner) noexcept override;
  [[nodiscard]] bool busy() const noexcept override {
    return expected() != 0 || backlog_first_ != nullptr || late_cancels_ != nullptr || has_cancel_requests();
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

  static void serve_in_handler(const ucontext_t& interrupted);
  void submit_in_handler() noexcept;
  static const thread_interrupt& rescue_request() noexcept;

  bool submit(detail::operation& op) noexcept;
  void queue_cancel(detail::operation& op) noexcept;
  void queue_cancels(detail::operation*& list) noexcept;
  bool take_from_backlog(detail::operation& op) noexcept;
  bool work_off_backlog() noexcept;
  bool settle_late_cancels() noexcept;
  void watch_for_interrupts() noexcept;

  void handle(std::uint64_t tag, int result, unsigned flags) noexcept;
  void handle_cancel(detail::operation& op, int result) noexcept;
  bool reap() noexcept;
  bool reap_all() noexcept;
  void end_everything() noexcept;

  // Completions to come.
  [[nodiscard]] std::uint64_t expected() const noexcept { return asked_ - reaped_.load(std::memory_order_relaxed); }

  ring ring_;
  int event_fd_;
  bool watching_ = false;  // the ring watches the eventfd
  bool ending_ = false;
  std::uint64_t asked_ = 0;  // completions asked for, of operations and cancellations; only the owner asks
  // What found no room in the submission queue while the kernel took nothing: operations (linked by `next`), oldest first, and
  // targets of cancellations (by `next_cancel`).
  detail::operation* backlog_first_ = nullptr;
  detail::operation* backlog_last_ = nullptr;
  detail::operation* late_cancels_ = nullptr;
  std::atomic<std::uint64_t> started_{0};

  // For the handler that the owner is interrupted by: whether it has been found in the midst of queueing, and whether there is anything to submit.
  std::atomic<bool> queueing_{false};
  std::atomic<bool> unsubmitted_{false};

  // Held by whoever reaps or settles cancellations: the owner, while it sleeps as well, or the thread that rescues, which only tries to take it.
  alignas(64) spin_lock reaping_;
  std::atomic<std::uint64_t> reaped_{0};          // of those asked for
  detail::operation* to_cancel_again_ = nullptr;  // linked by `next_cancel`; for the owner to queue
  time_point cancel_again_at_;                    // not before
  // Between attempts to cancel what the kernel goes on with: this, then twice as long, and so on, until one of them is settled.
  static constexpr std::chrono::milliseconds first_patience{1};
  std::chrono::milliseconds cancel_patience_ = first_patience;
  alignas(64) std::atomic<rest> rest_{rest::awake};
};

// The factory that runtimes use by default once I/O is linked.
[[nodiscard]] std::unique_ptr<driver> make_engine(unsigned worker);

}  // namespace weft::io::uring
