// The engine of seeded runs (io/testing.hpp): the kernel's own descriptors, and between them and the fibers whatever the seed chooses.
//
// An operation is looked at with poll(2); once it could be done it becomes due, now or later by the run's clock, and when it is due it is done, in
// an order of the seed's. A cancellation becomes due in the same way, so that either may be first. Calls that are made without waiting ask before(), too.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/fault_point.hpp>
#include <weft/io/simulated/decisions.hpp>

namespace weft::io::simulated {

class simulated_engine final : public detail::engine, private detail::fault_source {
 public:
  // Refers to both; `self` is this engine while it exists. For the calling thread. Throws std::system_error.
  simulated_engine(decisions& by, simulated_engine*& self);
  ~simulated_engine() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }
  bool poll() noexcept override;
  // In real time, while a call of blocking() is under way.
  void wait(time_point until) noexcept override;
  void interrupt() noexcept override;
  [[nodiscard]] bool busy() const noexcept override { return !pending_.empty() || has_cancel_requests(); }
  [[nodiscard]] std::uint64_t operations() const noexcept override { return started_.load(std::memory_order_relaxed); }

  void start(detail::operation& op) noexcept override;

  // See testing::simulation.
  [[nodiscard]] time_point next_event(bool timed) noexcept;
  [[nodiscard]] time_point soonest() noexcept;

 private:
  struct entry {
    detail::operation* op;
    std::uint32_t events = 0;           // that made it ready
    std::optional<std::int64_t> known;  // its result, where that is known before it is due
    std::optional<time_point> due;      // when it can be done
    std::optional<time_point> end_due;  // when a cancellation reaches it
    [[nodiscard]] bool waits() const noexcept { return !op->completed && !due; }
  };

  void cancel(detail::operation& op) noexcept override;
  detail::fault before(detail::faulty_call call, int fd, std::size_t bytes) noexcept override;

  // ---- what is ready
  bool look() noexcept;
  bool wait_for_descriptors(time_point until) noexcept;
  void become_due(entry& e) noexcept;
  [[nodiscard]] time_point first_due() const noexcept;
  // ---- what is due
  bool deliver(time_point now) noexcept;
  [[nodiscard]] std::optional<std::size_t> choose_due(time_point now) noexcept;
  void take_turn(std::size_t index, time_point now) noexcept;
  void end_early(std::size_t index) noexcept;
  void forget(std::size_t index) noexcept;
  // ---- doing it
  [[nodiscard]] std::int64_t perform(entry& e) noexcept;
  [[nodiscard]] std::int64_t accept(entry& e) noexcept;
  [[nodiscard]] std::int64_t open(entry& e) noexcept;
  [[nodiscard]] std::int64_t call(entry& e) noexcept;
  [[nodiscard]] std::int64_t shortage() noexcept;
  [[nodiscard]] detail::fault before_transfer(detail::faulty_call call, int fd, std::size_t bytes) noexcept;

  decisions& by_;
  simulated_engine*& self_;
  std::vector<entry> pending_;
  std::vector<pollfd> looked_at_;
  std::vector<std::size_t> due_;
  bool performing_ = false;  // calls are made by this engine, and not without waiting by a fiber
  int wake_fd_;
  std::atomic<std::uint64_t> started_{0};
};

}  // namespace weft::io::simulated
