// What a simulation decides by: the random numbers of a schedule, how often what is to happen, and what has happened.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>

#include <weft/io/testing.hpp>

namespace weft::io::simulated {

class decisions {
 public:
  using count = std::uint64_t testing::fault_counts::*;

  explicit decisions(const testing::faults& f) noexcept : faults_(f) {}

  // A schedule begins. Before the first one nothing happens to anything.
  void begin(std::uint64_t seed, bool print) noexcept;

  [[nodiscard]] const testing::faults& wanted() const noexcept { return faults_; }
  [[nodiscard]] const testing::fault_counts& counts() const noexcept { return counts_; }
  void note(count what) noexcept { ++(counts_.*what); }

  // Below n, which is at least 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept;
  // Whether it is to happen; counted if so.
  [[nodiscard]] bool happens(unsigned one_in, count what) noexcept;
  [[nodiscard]] std::int64_t one_of(std::initializer_list<int> errors) noexcept;
  // 0 mostly.
  [[nodiscard]] std::chrono::nanoseconds delay() noexcept;

  // Where schedules are printed.
  void print(const char* what, int fd, std::int64_t result) const noexcept;

 private:
  const testing::faults faults_;
  testing::fault_counts counts_;
  std::uint64_t state_ = 0;
  bool begun_ = false;
  bool prints_ = false;
};

}  // namespace weft::io::simulated
