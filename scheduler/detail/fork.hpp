// fork() in a program that runs fibers: the child has the calling thread only, so the runtimes of the parent are gone there.
//
// In the child their use ends with a message: spawning into their groups, parking on their fibers, run(). Waking their fibers does nothing,
// and destroying them leaves all as it is. What does not need them works: exec, exit, blocking calls, and runtimes of the child's own,
// even when a fiber has forked. posix_spawn and vfork do not come here.
#pragma once

#include <atomic>

namespace weft::detail {

// How many forks lie between this process and the one that was started. A runtime remembers in which it was made.
inline std::atomic<unsigned> forks{0};

// From here on forks are noticed. Before the first runtime; idempotent.
void watch_forks() noexcept;

[[noreturn]] void die_after_fork() noexcept;

}  // namespace weft::detail
