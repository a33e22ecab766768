// Signals of the program. Workers keep all of them blocked (but for faults), so a handler never interrupts the runtime: what is sent to the process is
// handled by the main thread, what is sent to a fiber by that fiber, when it next leaves or begins a call that may wait. Masks and alternate stacks are
// kept for each fiber; the kernel's, which belong to the worker, are never touched.
#pragma once

#include <cstdint>
#include <optional>

namespace weft::exec {

struct program_thread;

// The calling thread's signal mask: bit n - 1 stands for signal n.
[[nodiscard]] std::uint64_t blocked_signals() noexcept;

// Runs the handlers of what is pending and not blocked. True if all of them want calls to be restarted.
bool handle_signals(program_thread& self);

// tgkill(): nothing if the number is no fiber's, else 0 or a negative errno.
[[nodiscard]] std::optional<long> signal_by_number(int tid, int signal);

}  // namespace weft::exec
