// A server in a process of its own, so that its memory and CPU time are its own, too: any program that is called as
// `program serve KIND WORKERS`, prints the port on 127.0.0.1 that it serves, and ends with its standard input.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace bench {

class served {
 public:
  // Runs on the first CPUs that this process may use, as many as there are workers. Throws std::runtime_error.
  served(std::span<char* const> command, const std::string& kind, unsigned workers);
  ~served();
  served(const served&) = delete;
  served& operator=(const served&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] double cpu_seconds() const;
  [[nodiscard]] double resident_bytes() const;  // now
  [[nodiscard]] double peak_rss_mb() const;

 private:
  pid_t id_ = -1;
  int input_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace bench
