#include "../harness/harness.hpp"
#include "workloads.hpp"

int main(int argc, char** argv) {
  static constexpr bench::workload workloads[] = {
      {"channel_unbuffered", "ns", bench::channel_unbuffered},
      {"channel_buffered", "ns", bench::channel_buffered},
      {"channel_ping_pong", "ns", bench::channel_ping_pong},
      {"channel_4p4c", "ns", bench::channel_4p4c},
      {"select_4", "ns", bench::select_4},
  };
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
