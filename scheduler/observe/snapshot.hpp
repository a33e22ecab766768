// What the runtimes of the process looked like at about one moment.
//
// Nothing is stopped. A fiber that waits is read while the word of its wait stays the same, so what is told of it was true at one moment;
// one that runs or is moving meanwhile is told as such. All that could be gone while it is read is read through peek(). The locks held are those under
// which fibers and runtimes come and go and timers are set; they are held for about 20 us a fiber, and not while stacks are unwound.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <weft/scheduler/observe/stack_image.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

struct fiber;
struct task_node;
class runtime_core;
class scope;

using clock_time = std::chrono::steady_clock::time_point;

struct code_place {
  std::string file;  // empty where unknown
  unsigned line = 0;
};

enum class fiber_state : std::uint8_t {
  running,  // on a worker, now
  ready,    // will run when its turn comes
  parked,   // waits
  moving,   // between two of these each time it was looked at
};

// What a parked fiber waits for.
struct wait_view {
  const wait_kind* kind = nullptr;
  std::string name;           // of the kind
  std::optional<int> number;  // as the kind says
  const void* object = nullptr;
  std::string object_name;       // of a task or a group
  const void* holder = nullptr;  // on whose stack
  std::uint64_t held_by = 0;     // the number of that fiber; 0: none, or unknown
};

struct fiber_view {
  const fiber* address = nullptr;
  std::uint64_t number = 0;
  fiber_state state = fiber_state::moving;
  int worker = -1;
  std::string name;  // of its innermost task
  code_place site;
  const task_node* task = nullptr;
  std::vector<const task_node*> outer_tasks;  // that wait for it on the same stack, the inner ones first
  const scope* in = nullptr;
  wait_view wait;
  clock_time since;                 // parked
  std::optional<clock_time> limit;  // of the wait itself
  const char* stack_low = nullptr;
  std::size_t stack_size = 0;
  stack_image stack;
};

enum class scope_kind : std::uint8_t { root, group, deadline, shield };

struct scope_view {
  const scope* address = nullptr;
  const scope* parent = nullptr;
  scope_kind kind = scope_kind::group;
  std::string name;
  code_place site;
  std::optional<clock_time> limit;
  std::size_t not_begun = 0;  // tasks
};

struct worker_view {
  unsigned index = 0;
  int thread = 0;
  bool asleep = false;
  bool off_duty = false;   // there are more workers than CPUs, or than stuck workers to stand in for
  std::uint64_t runs = 0;  // the number of a fiber; 0: none
};

struct runtime_view {
  unsigned number = 0;
  unsigned blocking_calls = 0;
  std::vector<worker_view> workers;
  std::vector<fiber_view> fibers;  // the oldest first
  std::vector<scope_view> scopes;  // those that the fibers are in, and all around them; outer ones first
};

struct process_view {
  clock_time now;
  std::vector<runtime_view> runtimes;
};

enum class with_stacks : bool { no, yes };

// Any thread; with stacks on one that is no worker, as it waits for workers to copy theirs. Throws std::bad_alloc.
[[nodiscard]] process_view look_at_process(with_stacks stacks);

// Of a wait with a time limit, whose it is and for which of its waits; of another timer nothing (park.cpp).
struct timer;
struct limited_wait {
  const fiber* waiting = nullptr;
  std::uint64_t epoch = 0;
};
[[nodiscard]] limited_wait wait_limited_by(const timer& t) noexcept;
// The scope that the timer ends; nullptr for another timer (scope.cpp).
[[nodiscard]] const scope* scope_limited_by(const timer& t) noexcept;

}  // namespace weft::detail
