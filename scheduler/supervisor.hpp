// A supervisor runs children and starts those again that end when they should not: Erlang/OTP's supervisor behaviour on fibers.
//
//   weft::supervisor s;
//   s.add("listener", [] { listen(); });
//   s.add("cache", [] { keep_cache_warm(); });
//   s.run();                                     // parks; ends by cancellation, or throws supervisor_error
//
// A child is a task; what it spawns belongs to groups of its own and ends with it. Children are started in the order of add(); stopping a
// child means to cancel what it runs and to wait for its end, last started first.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <weft/scheduler/backoff.hpp>

namespace weft {

// Whom a restart concerns.
enum class restart_strategy : unsigned char {
  one_for_one,   // the child that ended
  one_for_all,   // all children: they depend on each other
  rest_for_one,  // the child that ended and those added after it: each depends on those before it
};

// When a child that has ended is started again. One that ended by `cancelled` has not failed.
enum class restart : unsigned char {
  permanent,  // always
  transient,  // when it has failed, or was stopped for another's sake
  temporary,  // never
};

struct supervisor_options {
  restart_strategy strategy = restart_strategy::one_for_one;
  // Most restarts within the period; the next one fails the supervisor instead. A restart of several children counts once.
  unsigned max_restarts = 5;
  std::chrono::nanoseconds period = std::chrono::seconds(10);
  // Delays before the restarts of one child. Its series begins again when it has run for the period.
  backoff_options delay = {};
  // Called on the supervisor's fiber with each failure of a child, before the restart: for the log. What it throws ends run().
  std::function<void(std::string_view child, const std::exception_ptr& failure)> on_failure = {};
};

// A child has ended more often than the supervisor's options allow.
class supervisor_error : public std::runtime_error {
 public:
  supervisor_error(const std::string& message, std::string child, std::exception_ptr failure)
      : runtime_error(message), child_(std::move(child)), failure_(std::move(failure)) {}

  [[nodiscard]] const std::string& child() const noexcept { return child_; }
  // What the child threw the last time; nullptr if it returned.
  [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }

 private:
  std::string child_;
  std::exception_ptr failure_;
};

class supervisor {
 public:
  // Throws std::invalid_argument for options that make no sense.
  explicit supervisor(supervisor_options o = {});
  ~supervisor();
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  // The function is called once for each start, never twice at a time. Throws std::logic_error while run() is in progress.
  void add(std::string name, std::function<void()> child, restart when = restart::permanent,
           std::source_location site = std::source_location::current());

  // Starts the children and parks until all have ended for good. Throws supervisor_error when a child exceeds max_restarts, `cancelled` when
  // the scope around is cancelled; either way all children are cancelled and waited for before. A failure that comes while it ends is
  // not lost: it becomes part of what the enclosing task fails with. May be called again, by one fiber at a time. Throws
  // std::logic_error outside a fiber.
  void run();

  // Restarts so far, of all runs. Any thread.
  [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t children() const noexcept { return children_.size(); }

 private:
  class supervision;
  struct child {
    std::string name;
    std::function<void()> function;
    restart when;
    std::source_location site;
  };

  supervisor_options options_;
  std::vector<child> children_;
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> restarts_{0};
};

}  // namespace weft
