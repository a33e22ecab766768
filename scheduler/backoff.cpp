#include <weft/scheduler/backoff.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace weft {

namespace {

void check(bool sensible, const char* message) {
  if (!sensible) throw std::invalid_argument(message);
}

std::uint64_t seed_or_random(std::uint64_t given) {
  if (given != 0) return given;
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

backoff::backoff(backoff_options o) : options_(o), reached_(o.first), state_(seed_or_random(o.seed)) {
  check(o.first.count() >= 0, "weft: backoff_options::first is negative");
  check(o.most >= o.first, "weft: backoff_options::most is less than first");
  check(o.factor >= 1, "weft: backoff_options::factor is less than 1");
  check(o.jitter >= 0 && o.jitter <= 1, "weft: backoff_options::jitter is not within 0 and 1");
}

// Evenly in [0, 1): splitmix64 (Sebastiano Vigna, public domain).
double backoff::random() noexcept {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

std::chrono::nanoseconds backoff::next() noexcept {
  const auto full = static_cast<double>(reached_.count());
  reached_ = std::chrono::nanoseconds(
      static_cast<std::int64_t>(std::min(full * options_.factor, static_cast<double>(options_.most.count()))));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(full * (1 - options_.jitter * random())));
}

}  // namespace weft
