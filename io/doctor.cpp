#include <weft/io/doctor.hpp>

#include <liburing.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include <weft/io/detail/choose_engine.hpp>
#include <weft/io/engine_choice.hpp>
#include <weft/io/uring/ring.hpp>
#include <weft/scheduler/runtime.hpp>

namespace weft::io {

namespace {

using state = finding::state;

// Below these, servers and programs with many fibers meet a limit.
constexpr rlim_t wanted_descriptors = 65'536;
constexpr long wanted_mappings = 65'530;  // the kernel's default

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string in_words(rlim_t limit, const char* unit) {
  return limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit) + unit;
}

finding examine_kernel() {
  utsname name{};
  ::uname(&name);
  finding f{.name = "kernel", .found = std::string(name.sysname) + " " + name.release};
  int major = 0;
  int minor = 0;
  if (std::sscanf(name.release, "%d.%d", &major, &minor) == 2 && std::pair(major, minor) < std::pair(6, 1)) {
    f.how = state::limited;
    f.cause = "before 6.1 rings have no deferred completions";
    f.remedy = "use Linux 6.1 or newer";
  }
  return f;
}

std::string features_of(unsigned flags) {
  std::string text;
  const auto add = [&](unsigned bit, const char* what) {
    if ((flags & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(IORING_SETUP_DEFER_TASKRUN, "deferred completions");
  add(IORING_SETUP_SINGLE_ISSUER, "single issuer");
  add(IORING_SETUP_COOP_TASKRUN, "cooperative completions");
  add(IORING_SETUP_SUBMIT_ALL, "submit all");
  return text.empty() ? "without any of the newer features" : text;
}

finding examine_ring() {
  finding f{.name = "io_uring"};
  try {
    const uring::ring ring(0);
    f.found = features_of(ring.flags());
    if ((ring.flags() & IORING_SETUP_DEFER_TASKRUN) == 0) {
      f.how = state::limited;
      f.cause = "the kernel knows no deferred completions";
      f.remedy = "use Linux 6.1 or newer";
    }
  } catch (const std::system_error& e) {
    f.how = state::limited;
    f.found = "not to be had; epoll is used instead";
    // "weft: worker 0 cannot have an io_uring. CAUSE; REMEDY: errno's text"
    std::string text = e.what();
    const std::size_t begin = text.find(". ");
    if (begin != std::string::npos) text.erase(0, begin + 2);
    const std::size_t middle = text.find("; ");
    const std::size_t end = text.rfind(": ");
    f.cause = text.substr(0, middle);
    if (middle != std::string::npos) f.remedy = text.substr(middle + 2, end - middle - 2);
  }
  return f;
}

finding examine_ring_setting() {
  const std::string value = first_line("/proc/sys/kernel/io_uring_disabled");
  finding f{.name = "kernel.io_uring_disabled", .found = value.empty() ? "this kernel has no such setting" : value};
  if (!value.empty() && value != "0") {
    f.how = state::limited;
    f.cause =
        value == "1" ? "rings are for the privileged and the group kernel.io_uring_group only" : "rings are forbidden";
    f.remedy = "sysctl kernel.io_uring_disabled=0";
  }
  return f;
}

finding examine_engine() {
  finding f{.name = "I/O engine"};
  try {
    const auto made = detail::choose_engine({})(0);
    const engine_choice choice = last_engine_choice();
    f.found =
        std::string(made->name()) + (choice.is_fallback ? ", as io_uring is not to be had" : ": " + choice.reason);
  } catch (const std::exception& e) {
    f.how = state::bad;
    f.found = "none";
    f.cause = e.what();
    f.remedy = "unset WEFT_IO, or see io_uring above";
  }
  return f;
}

finding examine_locked_memory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  const bool counted = limit.rlim_cur != RLIM_INFINITY;
  return {.name = "RLIMIT_MEMLOCK", .found = in_words(counted ? limit.rlim_cur / 1024 : limit.rlim_cur, " KiB")};
}

finding examine_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  finding f{.name = "RLIMIT_NOFILE",
            .found = in_words(limit.rlim_cur, "") + ", may be raised to " + in_words(limit.rlim_max, "")};
  if (limit.rlim_cur < std::min(wanted_descriptors, limit.rlim_max) || limit.rlim_max < wanted_descriptors) {
    f.how = state::limited;
    f.cause = "each connection and each open file takes one descriptor";
    f.remedy = "ulimit -n " + std::to_string(wanted_descriptors) + " (LimitNOFILE= of a systemd unit)";
  }
  return f;
}

// Whether guards of stacks can be had without splitting a mapping for each (Linux 6.13).
bool has_light_guards() noexcept {
  constexpr int guard_install = 102;  // MADV_GUARD_INSTALL
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  const bool works = ::madvise(memory, page, guard_install) == 0;
  ::munmap(memory, page);
  return works;
}

finding examine_guards() {
  if (has_light_guards()) return {.name = "guards of stacks", .found = "light: a million fibers need few mappings"};
  return {.name = "guards of stacks",
          .how = state::limited,
          .found = "a mapping each",
          .cause = "this kernel has no MADV_GUARD_INSTALL, so that vm.max_map_count limits the number of fibers",
          .remedy = "use Linux 6.13 or newer, or raise vm.max_map_count"};
}

finding examine_mappings() {
  const std::string value = first_line("/proc/sys/vm/max_map_count");
  finding f{.name = "vm.max_map_count", .found = value.empty() ? "unknown" : value};
  if (!value.empty() && std::atol(value.c_str()) < wanted_mappings) {
    f.how = state::limited;
    f.cause = "fewer than usual: many fibers or guests run out of mappings";
    f.remedy = "sysctl vm.max_map_count=" + std::to_string(wanted_mappings);
  }
  return f;
}

finding examine_workers() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int allowed = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  const unsigned workers = available_cpus();
  finding f{.name = "workers",
            .found = std::to_string(workers) + " of " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " CPUs"};
  if (workers < static_cast<unsigned>(allowed)) {
    f.how = state::limited;
    f.cause = "the cgroup's quota (cpu.max) allows no more CPU time";
    f.remedy = "raise cpu.max (docker run --cpus), or accept it: more workers would only be throttled";
  } else if (allowed < ::sysconf(_SC_NPROCESSORS_ONLN)) {
    f.how = state::limited;
    f.cause = "the affinity mask of the process (taskset, cpuset) allows no more";
    f.remedy = "start it without that mask";
  }
  return f;
}

}  // namespace

std::vector<finding> examine() {
  return {examine_kernel(),      examine_ring(),   examine_ring_setting(), examine_engine(), examine_locked_memory(),
          examine_descriptors(), examine_guards(), examine_mappings(),     examine_workers()};
}

const char* to_string(finding::state how) noexcept {
  switch (how) {
    case state::good:
      return "good";
    case state::limited:
      return "limited";
    case state::bad:
      break;
  }
  return "bad";
}

}  // namespace weft::io
