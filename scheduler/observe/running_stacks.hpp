// Stacks of fibers that run at this moment: their threads copy them, in the handler of a signal.
#pragma once

#include <sys/types.h>

#include <weft/scheduler/observe/stack_image.hpp>

namespace weft::detail {

struct fiber;

// The stack of the given fiber, if the thread, a worker, runs it when the signal arrives; else empty: it runs another one by now, stands on a
// stack of a guest, or did not answer within 100 ms. By a thread_interrupt. One thread at a time.
[[nodiscard]] stack_image stack_of_running(pid_t thread, const fiber& f);

}  // namespace weft::detail
