// Where a debugger finds fibers: a table of addresses and offsets by a name that needs no debug information, for gdb/weft.py. The idea is that
// of the tables by which libthread_db finds threads.
#include <cstddef>
#include <cstdint>

#include <weft/scheduler/observe/observer.hpp>
#include <weft/scheduler/observe/saved_context.hpp>

#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // conditionally supported, and by both compilers it is

extern "C" {

// The order is that of the list in gdb/weft.py. All numbers; offsets in bytes.
struct weft_debug_table {
  std::uint64_t version;
  const void* first_runtime;  // the address of the pointer
  std::uint64_t runtime_next, runtime_number, runtime_first_fiber;
  std::uint64_t fiber_next, fiber_number, fiber_context, fiber_task, fiber_scope, fiber_wait_word, fiber_waits_for,
      fiber_wait_object;
  std::uint64_t task_name, task_site;
  std::uint64_t context_saved;  // the address of the saved_context; null: the fiber runs
  std::uint64_t kind_name, kind_number_at;
};

extern const weft_debug_table weft_debug;
}

namespace weft::detail {

// Boost's base class keeps the context in a protected member.
struct fiber_shape : boost::fibers::fiber_properties {
  static std::uint64_t context_at() noexcept { return offsetof(fiber_shape, ctx_); }
};

}  // namespace weft::detail

[[gnu::used]] const weft_debug_table weft_debug = {
    .version = 1,
    .first_runtime = static_cast<const void*>(weft::detail::observer::first_runtime()),
    .runtime_next = offsetof(weft::detail::runtime_core, next_runtime),
    .runtime_number = offsetof(weft::detail::runtime_core, number),
    .runtime_first_fiber = offsetof(weft::detail::runtime_core, known) +
                           static_cast<std::uint64_t>(weft::detail::observer::offset_of_first()),
    .fiber_next = offsetof(weft::detail::fiber, next_known),
    .fiber_number = offsetof(weft::detail::fiber, number),
    .fiber_context = weft::detail::fiber_shape::context_at(),
    .fiber_task = offsetof(weft::detail::fiber, task),
    .fiber_scope = offsetof(weft::detail::fiber, current_scope),
    .fiber_wait_word = offsetof(weft::detail::fiber, wait),
    .fiber_waits_for = offsetof(weft::detail::fiber, waits_for),
    .fiber_wait_object = offsetof(weft::detail::fiber, wait_object),
    .task_name = offsetof(weft::detail::task_node, name),
    .task_site = offsetof(weft::detail::task_node, site),
    .context_saved = static_cast<std::uint64_t>(weft::detail::offset_of_saved_context()),
    .kind_name = offsetof(weft::wait_kind, name),
    .kind_number_at = offsetof(weft::wait_kind, number_at),
};
