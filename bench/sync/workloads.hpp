// The workloads of sync/; what each of them does is said in bench/workloads.json. All take the number of workers
// and the size, and return the measured value.
#pragma once

#include <weft/scheduler/runtime.hpp>

namespace bench {

// channels
double channel_unbuffered(unsigned workers, long size);
double channel_buffered(unsigned workers, long size);
double channel_ping_pong(unsigned workers, long size);
double channel_4p4c(unsigned workers, long size);
double select_4(unsigned workers, long size);

// locks
double mutex_of_16(unsigned workers, long size);
double mutex_held_across_yield(unsigned workers, long size);
double recursive_mutex_alone(unsigned workers, long size);
double shared_mutex_read(unsigned workers, long size);
double shared_mutex_mixed(unsigned workers, long size);

// signalling
double semaphore_alone(unsigned workers, long size);
double semaphore_turns(unsigned workers, long size);
double condition_turns(unsigned workers, long size);
double event_turns(unsigned workers, long size);
double barrier_phase(unsigned workers, long size);
double latch_count(unsigned workers, long size);
double once_done(unsigned workers, long size);
double rate_limiter_free(unsigned workers, long size);

// Runs f on a fiber of a runtime with so many workers.
template <class F>
double on_workers(unsigned workers, F&& f) {
  return weft::run(weft::options{.workers = workers}, f);
}

}  // namespace bench
