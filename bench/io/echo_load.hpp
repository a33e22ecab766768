// The load that every echo server here is measured with: one thread, one epoll, the same for ours and for the raw programs.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr int echo_connections = 256;
inline constexpr std::size_t echo_bytes = 64;

struct echo_result {
  double seconds = 0;             // from the first request to the last answer
  double server_cpu_seconds = 0;  // of the whole process, less the load's own
};

// Keeps one request under way on each of 256 connections until `requests` are answered; checks every byte. Runs on the last CPU
// that the process may use.
echo_result run_echo_load(std::uint16_t port, long requests);
// The same for a server in another process, on the calling thread, with so many connections.
echo_result run_echo_load_on(pid_t server, std::uint16_t port, int connections, long requests);

// Restricts the calling thread, and those it makes, to the first CPUs that the process may use.
void use_first_cpus(unsigned count);
// The same to the last one.
void use_last_cpu();

}  // namespace bench
