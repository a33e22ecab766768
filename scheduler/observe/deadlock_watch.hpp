// Finds out that nothing can wake any fiber, and ends the root functions that would wait for ever.
//
// The worker that sleeps last, with no timer set anywhere, looks; the others and the fast paths know nothing of it. It sleeps for 100 ms
// rather than for ever, and if nothing has run by then it judges the process: every runtime quiet, no I/O, no blocking() call, and no thread
// that is not weft's own or waits in run(). Then the deadlock is certain. Where there are other threads it is only possible: after a second it is
// reported once, on stderr, and waiting goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>

namespace weft::detail {

class runtime_core;
class scope;

// A root function that some thread waits for.
struct root_entry {
  scope* outermost = nullptr;
  std::exception_ptr deadlock;  // set before the scope is cancelled because of it
  root_entry* previous = nullptr;
  root_entry* next = nullptr;
};

class deadlock_watch {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit deadlock_watch(runtime_core& runtime) noexcept : runtime_(&runtime) {}
  deadlock_watch(const deadlock_watch&) = delete;
  deadlock_watch& operator=(const deadlock_watch&) = delete;

  void add(root_entry& root) noexcept;
  // What to throw instead of the error by which the root function has ended.
  std::exception_ptr remove(root_entry& root, std::exception_ptr error) noexcept;

  // A worker is about to sleep without a time limit, as all others do: how long at most, now. May end the runtime's root functions.
  time_point before_sleep() noexcept;

 private:
  enum class stage : unsigned char {
    fresh,     // something has run since the last look
    watching,  // nothing has run; other threads might wake somebody
    done,      // nothing more to do until something has run
  };
  enum class verdict : unsigned char {
    none,
    unsettled,  // a worker is awake, perhaps only because it has just looked, too
    possible,
    certain,
  };

  [[nodiscard]] std::uint64_t progress() const noexcept;
  [[nodiscard]] bool is_quiet() const noexcept;
  [[nodiscard]] static verdict judge() noexcept;
  static void end_all() noexcept;
  static void end_roots_everywhere(const std::string& report);
  bool end_roots(const std::string& report);
  void report_once() noexcept;

  runtime_core* const runtime_;
  std::mutex mutex_;  // guards all below
  root_entry* roots_ = nullptr;
  std::uint64_t seen_progress_ = 0;
  time_point quiet_since_;
  stage stage_ = stage::fresh;
  bool reported_ = false;
};

}  // namespace weft::detail
