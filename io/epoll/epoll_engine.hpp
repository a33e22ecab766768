// The engine on epoll: for kernels, containers and users that io_uring is not for.
//
// epoll tells when a call can be made; this engine then makes it and reports the result as the operation's completion, so that everything
// above works as it does with io_uring. One epoll set a worker, which sleeps in it; nobody else uses it, but for the monitor's thread while a
// fiber computes for long on that worker (rescue). What epoll cannot wait
// for (files) is done by the runtime's helper threads. O_NONBLOCK is never set on a descriptor that others may share.
//
// Costs: a wait on a descriptor that weft owns takes no system call beside epoll_wait, which many waits share, and the call itself; one on a
// plain descriptor takes one more (epoll_ctl). A call on a helper thread takes two switches of threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/epoll/epoll_set.hpp>
#include <weft/io/epoll/helper_call.hpp>
#include <weft/io/epoll/watched.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft::io::epoll {

class epoll_engine final : public detail::engine {
 public:
  // Throws std::system_error; see epoll_set. Its thread's timer slack becomes the smallest, as it is its timers that end its waits.
  explicit epoll_engine(unsigned worker);
  ~epoll_engine() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
  bool poll() noexcept override;
  void wait(time_point until) noexcept override;
  void interrupt() noexcept override;
  bool rescue(pid_t owner) noexcept override;
  [[nodiscard]] bool busy() const noexcept override;
  [[nodiscard]] std::uint64_t operations() const noexcept override { return started_.load(std::memory_order_relaxed); }

  void start(detail::operation& op) noexcept override;

 private:
  enum class rest : std::uint32_t {
    awake,        // looks for itself before it sleeps
    asleep,       // or about to: must be woken through the eventfd
    interrupted,  // has been asked not to sleep
  };
  // Where an operation is: operation::place.
  enum place : std::uint8_t { is_watched, is_known, is_helped, is_postponed };

  void cancel(detail::operation& op) noexcept override;
  void cancel_from_outside(detail::operation& op) noexcept override;
  bool serve_all() noexcept;
  void begin(detail::operation& op) noexcept;
  void begin_postponed() noexcept;
  void take_from_postponed(detail::operation& op) noexcept;

  // ---- descriptors
  void watch(detail::operation& op) noexcept;
  [[nodiscard]] watched* find(int fd) noexcept;
  int report_for(watched& w, const detail::operation& op) noexcept;
  int add(watched& w, int fd) noexcept;
  int change(watched& w, int fd, std::uint32_t interest) noexcept;
  void forget(watched& w, int fd) noexcept;
  bool look(time_point until) noexcept;
  bool serve(const epoll_event& event) noexcept;
  [[nodiscard]] detail::operation* try_waiters(watched& w, std::uint32_t events) noexcept;
  void adjust(watched& w, int fd, std::uint32_t events, std::uint32_t wanted, bool progress) noexcept;
  void renew() noexcept;

  // ---- results that were known at the start
  void know(detail::operation& op, std::int64_t result) noexcept;
  bool finish_known() noexcept;

  // ---- helpers
  void hand_over(detail::operation& op) noexcept;
  static void note_done(void* engine, helper_call& call) noexcept;
  bool finish_helped() noexcept;
  time_point interrupt_helpers(time_point now) noexcept;

  // Of all that is not atomic. Held by the owner in each of its calls, while it sleeps as well, or by the thread that rescues, which only tries to
  // take it. Whoever ends waits under it may have to wait for a fiber that is about to park: so such a fiber must not wait for it, and
  // start() postpones.
  mutable spin_lock serving_;
  detail::operation* postponed_ = nullptr;  // only the owner's
  epoll_set set_;
  int timer_slack_;               // of the thread before
  std::vector<watched> watched_;  // by descriptor
  std::size_t waiting_ = 0;       // operations in them
  bool has_strangers_ = false;    // the set reports levels of files that can no longer be taken out
  detail::operation* known_first_ = nullptr;
  detail::operation* known_last_ = nullptr;
  const helper_threads helper_threads_ = helper_threads::of_caller();
  helper_call* helpers_ = nullptr;  // under way
  std::size_t interrupted_helpers_ = 0;
  std::chrono::nanoseconds patience_{0};  // with helpers that were interrupted
  time_point next_interrupt_;
  std::atomic<std::uint64_t> started_{0};
  std::array<epoll_event, 256> events_{};
  alignas(64) std::atomic<rest> rest_{rest::awake};
  std::atomic<helper_call*> helped_{nullptr};    // done, by whichever thread
  std::atomic<std::size_t> helpers_outside_{0};  // threads that will still touch this engine
};

}  // namespace weft::io::epoll
