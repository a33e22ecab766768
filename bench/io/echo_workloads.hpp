// The echo workloads of a program, given its server.
#pragma once

#include <cstdint>

#include "../harness/harness.hpp"
#include "echo_load.hpp"

namespace bench {

// `Server` is made with a number of workers, serves on 127.0.0.1:port() from then on, and stops when destroyed.
template <class Server>
echo_result measure_echo(unsigned workers, long requests) {
  Server server(workers);
  return run_echo_load(server.port(), requests);
}

template <class Server>
inline constexpr workload echo{"echo", "us", [](unsigned workers, long requests) {
                                 return measure_echo<Server>(workers, requests).seconds * 1e6 /
                                        static_cast<double>(requests);
                               }};
template <class Server>
inline constexpr workload echo_cpu{"echo_cpu", "us", [](unsigned workers, long requests) {
                                     return measure_echo<Server>(workers, requests).server_cpu_seconds * 1e6 /
                                            static_cast<double>(requests);
                                   }};

}  // namespace bench
