// The one friend that those classes have whose insides a dump and a debugger need: where things stand, never what to do with them.
#pragma once

#include <atomic>
#include <source_location>
#include <string_view>

#include <weft/scheduler/detail/fiber.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/detail/task_deque.hpp>
#include <weft/scheduler/detail/wait_word.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/registry.hpp>

namespace weft::detail {

struct observer {
  static scope* const* parent_of(const scope& s) noexcept { return &s.parent_; }
  static const std::string_view* name_of(const scope& s) noexcept { return &s.name_; }
  static const std::source_location* site_of(const scope& s) noexcept { return &s.site_; }

  static inline_run* const* outer_of(const inline_run& r) noexcept { return &r.outer_; }
  static task_node* const* task_of(const inline_run& r) noexcept { return &r.task_; }

  static const std::atomic<std::uint64_t>* word_of(const wait_word& w) noexcept { return &w.word_; }

  static fiber* const* current_of(const worker& w) noexcept { return &w.current_; }
  static const pid_t* thread_of(const worker& w) noexcept { return &w.thread_id_; }
  static task_node* const* handed_of(const worker& w) noexcept { return &w.handed_; }
  static const task_deque& tasks_of(const worker& w) noexcept { return w.tasks_; }

  static std::ptrdiff_t offset_of_first() noexcept {
    alignas(fiber_list) static const char shape[sizeof(fiber_list)] = {};
    return reinterpret_cast<const char*>(&reinterpret_cast<const fiber_list*>(shape)->first_) - shape;
  }
  static runtime_core* const* first_runtime() noexcept { return &runtime_list::first_; }
};

}  // namespace weft::detail
