// How many CPUs the process may use: by its affinity mask, and by the CPU quota (cgroup v2's cpu.max) of its cgroup and of all above it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::detail {

[[nodiscard]] unsigned cpus_by_affinity() noexcept;

// Where it is read. A runtime copies it when it is made; tests give another.
struct cpu_source {
  unsigned (*affinity)() noexcept = &cpus_by_affinity;  // of the calling thread
  std::string membership = "/proc/self/cgroup";
  std::string hierarchy = "/sys/fs/cgroup";
  std::chrono::nanoseconds interval = std::chrono::seconds(1);  // between two looks of a runtime
};
[[nodiscard]] cpu_source& current_cpu_source() noexcept;

// The CPUs that a quota is worth, rounded up; 0: no limit, or a text that says nothing.
[[nodiscard]] unsigned cpus_of_quota(std::string_view cpu_max) noexcept;
// The files of the limits on a process with that membership, its own cgroup's first; none where it is in no cgroup of version 2.
[[nodiscard]] std::vector<std::string> quota_files(std::string_view membership, std::string_view hierarchy);

// Counts again and again; what has not changed since is read, but not parsed.
class cpu_counter {
 public:
  explicit cpu_counter(cpu_source source) : source_(std::move(source)) {}

  // At least 1. A file that cannot be read limits nothing.
  [[nodiscard]] unsigned count() noexcept;
  [[nodiscard]] std::chrono::nanoseconds interval() const noexcept { return source_.interval; }

 private:
  struct limit {
    std::string path;
    std::string text;
    unsigned cpus = 0;
  };
  [[nodiscard]] unsigned least_quota();

  cpu_source source_;
  std::string membership_;
  std::vector<limit> limits_;
};

}  // namespace weft::detail
