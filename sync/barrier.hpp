// A place where a number of fibers or threads wait for each other, again and again.
//
// The last one to arrive runs the completion function and lets all pass. One phase costs each of them about a switch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <weft/sync/wait_queue.hpp>

namespace weft {

struct barrier_statistics {
  std::ptrdiff_t expected = 0;  // who have not arrived yet in this phase
  std::uint64_t phase = 0;      // from 0
  std::size_t waiters = 0;      // now
};

namespace detail {

// Without the completion function.
class barrier_core {
 public:
  explicit barrier_core(std::ptrdiff_t expected);
  ~barrier_core();
  barrier_core(const barrier_core&) = delete;
  barrier_core& operator=(const barrier_core&) = delete;

  struct arrival {
    std::uint64_t phase;
    bool last;  // the caller must complete the phase
  };
  arrival arrive(std::ptrdiff_t n, bool drop);
  void complete() noexcept;
  void wait(std::uint64_t phase);
  [[nodiscard]] barrier_statistics statistics() const noexcept;

 private:
  mutable wait_queue::lock_type lock_;  // of all below
  std::ptrdiff_t expected_;             // of each phase from the next on
  std::ptrdiff_t missing_;
  std::uint64_t phase_ = 0;
  wait_queue waiters_;
};

struct no_completion {
  void operator()() const noexcept {}
};

}  // namespace detail

// As std::barrier. A wait that is cancelled throws `cancelled`, but has arrived: one who will not come again says so with arrive_and_drop() in
// its cleanup, or the others wait for ever. The completion function runs on the fiber that arrives last, before anybody is let go, and must not
// throw; it may park.
template <class CompletionFunction = detail::no_completion>
class barrier {
 public:
  static_assert(std::is_nothrow_invocable_v<CompletionFunction&>, "a barrier's completion function is noexcept");

  class arrival_token {
   public:
    arrival_token(arrival_token&&) noexcept = default;
    arrival_token& operator=(arrival_token&&) noexcept = default;

   private:
    friend class barrier;
    explicit arrival_token(std::uint64_t phase) noexcept : phase_(phase) {}
    std::uint64_t phase_;
  };

  // Throws std::invalid_argument if negative.
  explicit barrier(std::ptrdiff_t expected, CompletionFunction f = CompletionFunction())
      : core_(expected), complete_(std::move(f)) {}
  // Nobody may wait: ends the process otherwise.
  ~barrier() = default;
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;

  [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return std::numeric_limits<std::ptrdiff_t>::max(); }

  // Waits only in the completion function. Throws std::invalid_argument unless n > 0, std::logic_error if fewer are expected in this phase.
  [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) { return arrival_token(arrive_in_phase(n, false)); }
  // Parks until that phase is complete. A cancellation point, on entry too.
  void wait(arrival_token&& arrival) { core_.wait(arrival.phase_); }
  void arrive_and_wait() { wait(arrive()); }
  // Arrives, and is not expected in later phases.
  void arrive_and_drop() { (void)arrive_in_phase(1, true); }

  [[nodiscard]] barrier_statistics statistics() const noexcept { return core_.statistics(); }

 private:
  std::uint64_t arrive_in_phase(std::ptrdiff_t n, bool drop) {
    const auto arrival = core_.arrive(n, drop);
    if (arrival.last) {
      complete_();
      core_.complete();
    }
    return arrival.phase;
  }

  detail::barrier_core core_;
  CompletionFunction complete_;
};

}  // namespace weft
