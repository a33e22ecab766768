#include "../harness/harness.hpp"
#include "workloads.hpp"

int main(int argc, char** argv) {
  static constexpr bench::workload workloads[] = {
      {"switch", "ns", bench::switch_two},
      {"spawn_join_one", "ns", bench::spawn_join_one},
      {"spawn_join_one_park", "ns", bench::spawn_join_one_park},
      {"spawn_1000", "ns", bench::spawn_1000},
      {"park_unpark", "ns", bench::park_unpark},  // for bench/ratchet, like the steals; the peers have nothing like it
      {"steal_task", "ns", bench::steal_task},
      {"steal_fiber", "ns", bench::steal_fiber},
      {"switch_traced", "ns", bench::switch_traced},  // for docs/observing.md
      {"spawn_1000_traced", "ns", bench::spawn_1000_traced},
      {"skynet", "s", bench::skynet_by_join},
      {"skynet_channels", "s", bench::skynet_by_channels},
      {"fork_join", "s", bench::fork_join},
      {"mandelbrot", "s", bench::mandelbrot},
      {"parallel_sort", "s", bench::parallel_sort},
      {"parallel_reduce", "s", bench::parallel_reduce},
      {"1m_parked", "s", bench::parked_on_one_event},
      {"100k_sleepers", "s", bench::sleepers},
      {"cancel_tree", "s", bench::cancel_tree},
      {"ticker_beside_hogs", "ms", bench::ticker_beside_hogs},
      {"ticker_beside_blocked", "ms", bench::ticker_beside_blocked},
  };
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
