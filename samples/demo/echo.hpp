// A native TCP server that sends back what it receives, and clients that check every byte: the ordinary blocking code that runs
// beside the guests.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <weft/io/tcp.hpp>
#include <weft/scheduler/group.hpp>

#include "lateness.hpp"

namespace demo {

class echo_load {
 public:
  // Listens on a free port of the loopback interface. On a fiber. Throws std::system_error.
  explicit echo_load(unsigned clients);

  // The server: accepts and echoes until its fiber is cancelled, which must be after the clients' end.
  [[noreturn]] void serve();

  // Spawns the clients into `g`; they run until it is cancelled. Each sends a message, waits for all of it to come back, compares,
  // pauses for `pace` and goes on. A byte that differs fails the group.
  void start_clients(weft::group& g, std::chrono::nanoseconds pace);

  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

  // From a message's first byte sent to its last byte received. Once the group has ended.
  [[nodiscard]] samples round_trips() const;

 private:
  struct client_state {
    samples round_trips;
  };

  void run_client(unsigned number, std::chrono::nanoseconds pace);

  weft::io::tcp_listener listener_;
  std::vector<client_state> clients_;
  std::atomic<std::uint64_t> messages_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace demo
