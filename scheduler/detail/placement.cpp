#include <weft/scheduler/detail/placement.hpp>

#include <pthread.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>

namespace weft::detail {

namespace {

unsigned read_topology(unsigned cpu, const char* what, unsigned otherwise) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/" + what);
  unsigned value = otherwise;
  return file >> value ? value : otherwise;
}

std::vector<cpu_position> usable_cpus() {
  const cpu_set_t allowed = allowed_cpus();
  std::vector<cpu_position> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpus.push_back({cpu, read_topology(cpu, "physical_package_id", 0), read_topology(cpu, "core_id", cpu)});
  }
  return cpus;
}

// "0-3,8"
std::string list_of(const cpu_set_t& set) {
  std::string text;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    unsigned last = cpu;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cpu);
    if (last > cpu) text += '-' + std::to_string(last);
    cpu = last;
  }
  return text;
}

void check_list(const std::vector<unsigned>& list) {
  const cpu_set_t allowed = allowed_cpus();
  if (list.empty()) {
    throw std::invalid_argument("weft: options::pin_list is empty, and options::pin is pinning::list; name CPUs of " +
                                list_of(allowed));
  }
  for (const unsigned cpu : list) {
    if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed)) continue;
    throw std::invalid_argument("weft: options::pin_list has CPU " + std::to_string(cpu) +
                                "; this process may use CPUs " + list_of(allowed));
  }
}

}  // namespace

std::vector<unsigned> order_cpus(std::vector<cpu_position> cpus, pinning how) {
  std::sort(cpus.begin(), cpus.end(), [](const cpu_position& a, const cpu_position& b) {
    return std::tie(a.package, a.core, a.cpu) < std::tie(b.package, b.core, b.cpu);
  });
  if (how == pinning::spread) {
    // The rank of a CPU among its core's, and of that core among its package's.
    std::map<std::pair<unsigned, unsigned>, unsigned> threads_of_core;
    std::map<unsigned, unsigned> cores_of_package;
    std::map<std::pair<unsigned, unsigned>, unsigned> rank_of_core;
    std::vector<std::tuple<unsigned, unsigned, unsigned, unsigned>> ranked;
    for (const cpu_position& c : cpus) {
      const std::pair core{c.package, c.core};
      const unsigned thread = threads_of_core[core]++;
      if (thread == 0) rank_of_core[core] = cores_of_package[c.package]++;
      ranked.emplace_back(thread, rank_of_core[core], c.package, c.cpu);
    }
    std::sort(ranked.begin(), ranked.end());
    std::transform(ranked.begin(), ranked.end(), cpus.begin(),
                   [](const auto& r) { return cpu_position{std::get<3>(r), 0, 0}; });
  }
  std::vector<unsigned> order;
  for (const cpu_position& c : cpus) order.push_back(c.cpu);
  return order;
}

std::vector<unsigned> place_workers(const options& o) {
  if (o.pin == pinning::none) return {};
  if (o.pin == pinning::list) check_list(o.pin_list);
  const std::vector<unsigned> order = o.pin == pinning::list ? o.pin_list : order_cpus(usable_cpus(), o.pin);
  std::vector<unsigned> cpus;
  for (unsigned i = 0; i < o.workers; ++i) cpus.push_back(order[i % order.size()]);
  return cpus;
}

cpu_set_t allowed_cpus() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
  return set;
}

void bind_this_thread(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set); error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "weft: cannot bind a worker to CPU " + std::to_string(cpu) + "; use another options::pin");
  }
}

void name_this_thread(const std::string& name) noexcept { ::pthread_setname_np(::pthread_self(), name.c_str()); }

}  // namespace weft::detail
