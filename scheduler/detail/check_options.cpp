#include <weft/scheduler/detail/check_options.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

#include <weft/scheduler/detail/idle_set.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>

namespace weft::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_name = 11;  // with "-255" the 15 bytes that the kernel keeps of a thread's name

[[noreturn]] void refuse(const std::string& option, const std::string& value, const std::string& allowed) {
  throw std::invalid_argument("weft: options::" + option + " is " + value + "; " + allowed);
}

void check_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (name.empty() || name.size() > longest_name || !plain) {
    refuse("name", '\'' + name + '\'', "it has 1 to " + std::to_string(longest_name) + " visible ASCII characters");
  }
}

void check_duration(const char* option, std::chrono::nanoseconds value, std::chrono::nanoseconds most,
                    const char* allowed) {
  if (value < 0ns || value > most) refuse(option, std::to_string(value.count()) + " ns", allowed);
}

}  // namespace

options completed(options o) {
  if (o.workers == 0) o.workers = std::min(available_cpus(), idle_set::capacity);
  if (o.workers > idle_set::capacity) {
    refuse("workers", std::to_string(o.workers), "the most is " + std::to_string(idle_set::capacity));
  }
  if (o.pin > pinning::list) {
    refuse("pin", std::to_string(static_cast<unsigned>(o.pin)), "it is one of pinning's none, compact, spread, list");
  }
  if (o.pin != pinning::list && !o.pin_list.empty()) {
    refuse("pin_list", "given", "it is for options::pin = pinning::list only");
  }
  check_name(o.name);
  check_duration("spin", o.spin, 1s, "it is from 0 to 1 s");
  check_duration("backstop", o.backstop, std::chrono::nanoseconds::max(), "it is a positive time, or 0 for none");
  if (!o.driver) o.driver = choose_driver(o.io);
  return o;
}

}  // namespace weft::detail
