#include <weft/io/simulated/decisions.hpp>

#include <cinttypes>
#include <cstdio>

namespace weft::io::simulated {

// Not the numbers that the schedule of the same seed goes by.
void decisions::begin(std::uint64_t seed, bool print) noexcept {
  constexpr std::uint64_t apart = 0x6a09e667f3bcc909;
  state_ = seed ^ apart;
  begun_ = true;
  prints_ = print;
}

// SplitMix64, as in seeded_run.cpp.
std::uint64_t decisions::below(std::uint64_t n) noexcept {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % n;
}

bool decisions::happens(unsigned one_in, count what) noexcept {
  if (one_in == 0 || !begun_ || below(one_in) != 0) return false;
  note(what);
  return true;
}

std::int64_t decisions::one_of(std::initializer_list<int> errors) noexcept {
  return -errors.begin()[below(errors.size())];
}

std::chrono::nanoseconds decisions::delay() noexcept {
  if (faults_.longest_delay.count() <= 0 || !happens(faults_.delays, &testing::fault_counts::delays)) return {};
  return std::chrono::nanoseconds(1 + below(static_cast<std::uint64_t>(faults_.longest_delay.count())));
}

void decisions::print(const char* what, int fd, std::int64_t result) const noexcept {
  if (prints_) std::fprintf(stderr, "weft::testing:      %s, descriptor %d: %" PRId64 "\n", what, fd, result);
}

}  // namespace weft::io::simulated
