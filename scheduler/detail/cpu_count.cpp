#include <weft/scheduler/detail/cpu_count.hpp>

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include <weft/scheduler/runtime.hpp>

namespace weft {

unsigned available_cpus() noexcept { return detail::cpu_counter(detail::current_cpu_source()).count(); }

namespace detail {

namespace {

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

unsigned cpus_by_affinity() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

cpu_source& current_cpu_source() noexcept {
  static cpu_source source;
  return source;
}

// "max 100000" or "150000 100000": quota and period in microseconds.
unsigned cpus_of_quota(std::string_view cpu_max) noexcept {
  const char* const begin = cpu_max.data();
  const char* const end = begin + cpu_max.size();
  std::uint64_t quota = 0;
  std::uint64_t period = 0;
  const auto [after_quota, no_quota] = std::from_chars(begin, end, quota);
  if (no_quota != std::errc() || after_quota == end || *after_quota != ' ') return 0;
  const auto [after_period, no_period] = std::from_chars(after_quota + 1, end, period);
  if (no_period != std::errc() || period == 0 || (after_period != end && *after_period != '\n')) return 0;
  const std::uint64_t cpus = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<unsigned>(std::min<std::uint64_t>(cpus, std::numeric_limits<unsigned>::max()));
}

// A line of version 2 is "0::/a/b". The top of what is mounted is a cgroup with limits where a container sees no more than its own.
std::vector<std::string> quota_files(std::string_view membership, std::string_view hierarchy) {
  std::vector<std::string> files;
  for (std::size_t begin = 0; begin < membership.size();) {
    const std::size_t end = std::min(membership.find('\n', begin), membership.size());
    std::string_view line = membership.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with("0::/")) continue;
    std::string_view cgroup = line.substr(line.find('/'));
    if (cgroup.back() == '/') cgroup.remove_suffix(1);
    for (;; cgroup = cgroup.substr(0, cgroup.rfind('/'))) {
      files.push_back(std::string(hierarchy).append(cgroup).append("/cpu.max"));
      if (cgroup.empty()) return files;
    }
  }
  return files;
}

unsigned cpu_counter::least_quota() {
  if (std::string now = contents_of(source_.membership); now != membership_) {
    limits_.clear();
    for (std::string& path : quota_files(now, source_.hierarchy)) limits_.push_back({std::move(path), {}, 0});
    membership_ = std::move(now);
  }
  unsigned least = 0;
  for (limit& l : limits_) {
    if (std::string now = contents_of(l.path); now != l.text) {
      l.cpus = cpus_of_quota(now);
      l.text = std::move(now);
    }
    if (l.cpus != 0 && (least == 0 || l.cpus < least)) least = l.cpus;
  }
  return least;
}

unsigned cpu_counter::count() noexcept {
  unsigned cpus = source_.affinity();
  try {
    if (const unsigned quota = least_quota(); quota != 0) cpus = std::min(cpus, quota);
  } catch (const std::exception&) {  // no memory to look: what was known of the mask
  }
  return std::max(cpus, 1U);
}

}  // namespace detail

}  // namespace weft
