// The workloads of channels; what each of them does is said in bench/workloads.json. All take the number of workers and the
// size, and return the measured value.
#pragma once

#include <weft/scheduler/runtime.hpp>

namespace bench {

double channel_unbuffered(unsigned workers, long size);
double channel_buffered(unsigned workers, long size);
double channel_ping_pong(unsigned workers, long size);
double channel_4p4c(unsigned workers, long size);
double select_4(unsigned workers, long size);

}  // namespace bench
