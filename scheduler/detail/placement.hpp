// Which CPU each worker is bound to (options::pin), and what threads are called.
#pragma once

#include <sched.h>

#include <string>
#include <vector>

#include <weft/scheduler/runtime.hpp>

namespace weft::detail {

struct cpu_position {
  unsigned cpu;
  unsigned package;
  unsigned core;  // within the package
};

// The CPUs in the order in which workers take them.
[[nodiscard]] std::vector<unsigned> order_cpus(std::vector<cpu_position> cpus, pinning how);

// The CPU of each worker, as the options say; empty where the kernel chooses. Throws std::invalid_argument for a list that cannot be.
[[nodiscard]] std::vector<unsigned> place_workers(const options& o);

// The CPUs that the calling thread may use.
[[nodiscard]] cpu_set_t allowed_cpus() noexcept;

// Throws std::system_error.
void bind_this_thread(unsigned cpu);

// Shown by top, ps and gdb; the kernel keeps 15 bytes.
void name_this_thread(const std::string& name) noexcept;

}  // namespace weft::detail
