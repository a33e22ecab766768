// What a seeded run (testing.hpp) decides by: its source of choices, its clock, and how far it has got. The worker that asks is in
// worker_seeded.cpp. All of it belongs to the run's only worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weft::testing {
class simulation;
}

namespace weft::detail {

class scope;
struct fiber;
struct task_node;

class seeded_run {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct settings {
    std::uint64_t most_switches;
    bool late_timers;
    bool print;
    testing::simulation* world;  // nullptr: the real one
  };
  explicit seeded_run(settings s);
  ~seeded_run();
  seeded_run(const seeded_run&) = delete;
  seeded_run& operator=(const seeded_run&) = delete;

  // ---- a schedule
  void begin(std::uint64_t seed, scope& root) noexcept;
  void end() noexcept { root_ = nullptr; }
  [[nodiscard]] bool in_schedule() const noexcept { return root_ != nullptr; }
  // A number that two schedules share only if they took the same choices.
  [[nodiscard]] std::uint64_t trace() const noexcept { return trace_; }
  [[nodiscard]] std::uint64_t switches() const noexcept { return switches_; }
  // Why the schedule was given up; empty if it was not.
  [[nodiscard]] const std::string& verdict() const noexcept { return verdict_; }

  // ---- choices
  // Which of `count` that can run is to run.
  [[nodiscard]] std::uint32_t choose(std::uint32_t count) noexcept;
  // Whether others may go first at a point where the caller need not wait.
  [[nodiscard]] bool preempts() noexcept;
  void print_choice(const fiber& f, const task_node* begins, std::uint32_t count) const noexcept;

  // ---- the clock
  [[nodiscard]] time_point now() const noexcept { return now_; }
  void advance_to(time_point when) noexcept;
  // Something has come from outside: nobody has only polled.
  void note_arrival() noexcept { alone_ = 0; }
  // Whether a timer is to come although fibers can run: they are late, or a single one only polls.
  [[nodiscard]] bool timer_is_due_early(std::uint32_t ready) noexcept;

  // ---- what is outside
  [[nodiscard]] testing::simulation* world() const noexcept { return settings_.world; }

  // ---- the end of what cannot end by itself
  // Nothing can run. Cancels the schedule's root; if that has been done already, ends the process with a message.
  void give_up(const char* why) noexcept;

 private:
  std::uint64_t random() noexcept;
  void note(std::uint64_t event) noexcept;
  void print_fibers() const noexcept;

  const settings settings_;
  scope* root_ = nullptr;
  std::uint64_t seed_ = 0;
  std::uint64_t state_ = 0;
  std::uint64_t trace_ = 0;
  std::uint64_t switches_ = 0;
  std::uint64_t preempt_one_in_ = 1;
  unsigned alone_ = 0;       // choices in a row that were none
  bool preempting_ = false;  // the next choice is made for a fiber that does not give way by itself
  time_point now_;
  std::string verdict_;
};

}  // namespace weft::detail
