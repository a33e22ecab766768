#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include <weft/scheduler/runtime.hpp>

namespace weft {

namespace {

unsigned cpus_by_affinity() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

// "max 100000" or "150000 100000": quota and period in microseconds; 0 when there is no limit.
unsigned cpus_of_quota(const std::string& path) {
  std::ifstream file(path);
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return static_cast<unsigned>((std::stod(quota) + period - 1) / period);
}

// The tightest quota of this process's cgroup (v2) and of those above it.
unsigned cpus_by_quota() {
  std::ifstream own("/proc/self/cgroup");
  unsigned least = 0;
  for (std::string line; std::getline(own, line);) {
    if (!line.starts_with("0::")) continue;
    for (std::string path = line.substr(3); !path.empty(); path.resize(path.rfind('/'))) {
      const unsigned cpus = cpus_of_quota("/sys/fs/cgroup" + path + "/cpu.max");
      if (cpus != 0 && (least == 0 || cpus < least)) least = cpus;
    }
  }
  return least;
}

}  // namespace

unsigned available_cpus() noexcept {
  unsigned cpus = cpus_by_affinity();
  try {
    if (const unsigned quota = cpus_by_quota(); quota != 0) cpus = std::min(cpus, quota);
  } catch (...) {  // an unreadable cgroup file limits nothing
  }
  return std::max(cpus, 1U);
}

}  // namespace weft
