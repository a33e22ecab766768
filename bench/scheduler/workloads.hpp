// The scheduler's workloads; what each of them does is said in bench/workloads.json. All take the number of workers
// and the size, and return the measured value.
#pragma once

#include <cstdlib>

#include <weft/scheduler/runtime.hpp>

namespace bench {

// starting and switching
double switch_two(unsigned workers, long size);
double spawn_join_one(unsigned workers, long size);
double spawn_join_one_park(unsigned workers, long size);
double spawn_1000(unsigned workers, long size);
double park_unpark(unsigned workers, long size);
double switch_traced(unsigned workers, long size);
double spawn_1000_traced(unsigned workers, long size);

// stealing
double steal_task(unsigned workers, long size);
double steal_fiber(unsigned workers, long size);

// waiting
double parked_on_one_event(unsigned workers, long size);
double sleepers(unsigned workers, long size);
double cancel_tree(unsigned workers, long size);
double ticker_beside_hogs(unsigned workers, long size);
double ticker_beside_blocked(unsigned workers, long size);

// computing
double skynet_by_join(unsigned workers, long size);
double skynet_by_channels(unsigned workers, long size);
double fork_join(unsigned workers, long size);
double mandelbrot(unsigned workers, long size);
double parallel_sort(unsigned workers, long size);
double parallel_reduce(unsigned workers, long size);

// Runs f on a fiber of a runtime with so many workers. WEFT_BENCH_MONITOR=off, for bench/ratchet, leaves out what depends on the clock.
template <class F>
double on_workers(unsigned workers, F&& f) {
  return weft::run(weft::options{.workers = workers, .monitor = std::getenv("WEFT_BENCH_MONITOR") == nullptr}, f);
}

}  // namespace bench
