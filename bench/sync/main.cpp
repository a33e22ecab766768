#include "../harness/harness.hpp"
#include "workloads.hpp"

int main(int argc, char** argv) {
  static constexpr bench::workload workloads[] = {
      {"channel_unbuffered", "ns", bench::channel_unbuffered},
      {"channel_buffered", "ns", bench::channel_buffered},
      {"channel_ping_pong", "ns", bench::channel_ping_pong},
      {"channel_4p4c", "ns", bench::channel_4p4c},
      {"select_4", "ns", bench::select_4},
      {"mutex", "ns", bench::mutex_of_16},
      {"mutex_held_across_yield", "ns", bench::mutex_held_across_yield},
      {"recursive_mutex", "ns", bench::recursive_mutex_alone},
      {"shared_mutex_read", "ns", bench::shared_mutex_read},
      {"shared_mutex_mixed", "ns", bench::shared_mutex_mixed},
      {"semaphore_alone", "ns", bench::semaphore_alone},
      {"semaphore_turns", "ns", bench::semaphore_turns},
      {"condition_turns", "ns", bench::condition_turns},
      {"event_turns", "ns", bench::event_turns},
      {"barrier_phase", "ns", bench::barrier_phase},
      {"latch_count", "ns", bench::latch_count},
      {"once_done", "ns", bench::once_done},
      {"rate_limiter_free", "ns", bench::rate_limiter_free},
  };
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
