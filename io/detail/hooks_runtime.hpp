// What a preloaded libweft-hooks.so calls in a program that has weft within it.
//
// The program finds the library, not the other way round: when it starts it looks for `weft_hooks_attach` and hands it this table. So nothing of the
// program's needs to be exported, and a library that is preloaded into other programs, as children inherit it, finds no table and does nothing. Both sides
// are C++ of the same release, by the same compiler's rules: what is to be equal is compared first.
//
// The table holds just the functions of weft's that the hooks need to be linked with; the library defines them anew, by their own names, each as a call
// through the table.
#pragma once

#include <poll.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/operation.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detachable_call.hpp>
#include <weft/scheduler/foreign_frame.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::io::detail {

struct hooks_runtime {
  // Raised whenever a type or a function below changes its meaning.
  static constexpr std::uint64_t current_layout = 2;

  std::uint64_t layout = current_layout;
  std::uint64_t sizes[6] = {sizeof(hooks_runtime),
                            sizeof(operation),
                            sizeof(parker),
                            sizeof(foreign_frame),
                            sizeof(weft::detail::blocking_call),
                            sizeof(detachable_call)};
  // Of the C++ library: exceptions pass from one side to the other, so both must have the same one.
  void* exceptions = nullptr;

  bool (*may_park_here)() noexcept;
  std::uint64_t (*fiber_number)() noexcept;
  void (*interrupt_own_worker)() noexcept;
  void (*give_way_unheard)();
  void (*yield)();
  void (*sleep_until)(time_point when);
  cancelled (*cancellation_of_this_fiber)();
  void (*run_blocking)(weft::detail::blocking_call& call);
  void (*start_detached)(detachable_call& call);
  void (*wait_detached)(detachable_call& call);
  void (*leave_detached)(detachable_call* call) noexcept;

  void (*begin_frame)(void* place) noexcept;
  void (*end_frame)(foreign_frame& frame) noexcept;
  void (*make_parker)(void* place, const wait_kind& kind, const void* object, parker::cancellation mode);
  void (*end_parker)(parker& p) noexcept;
  wake (*park)(parker& p, time_point limit, void (*release)(void*) noexcept, void* argument);
  bool (*signal)(const ticket& t) noexcept;

  std::int64_t (*perform)(operation& op, open_descriptor* user, time_point limit);
  std::int64_t (*poll_many)(std::span<pollfd> descriptors, time_point limit);
  std::int64_t (*poll_blocking)(std::span<pollfd> what, std::chrono::nanoseconds limit) noexcept;
  std::int64_t (*read)(int fd, std::span<const iovec> buffers, std::int64_t offset, short_count policy,
                       open_descriptor* user);
  std::int64_t (*sync)(int fd, bool data_only, open_descriptor* user);
  std::int64_t (*read_now)(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;
  std::int64_t (*write_now)(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;
  std::int64_t (*receive)(int fd, std::span<std::byte> buffer, int flags) noexcept;
  std::vector<iovec> (*without_first)(std::span<const iovec> buffers, std::size_t bytes);
  bool (*is_nonblocking)(int fd) noexcept;
};

// What the library defines, with C's name: takes the table, which lives for ever, or says on standard error why not.
using attach_hooks = void(const hooks_runtime* program) noexcept;

// Looks for the library. Called once, when a program that does I/O starts.
void attach_hooks_library() noexcept;

}  // namespace weft::io::detail
