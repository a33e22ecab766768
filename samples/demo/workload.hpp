// The demo's 64 guests: what each computes, reads or waits for, and what must come out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "guests.hpp"
#include "picture.hpp"

namespace demo {

inline constexpr std::size_t guest_count = 64;

struct job {
  enum class kind { tile, primes, hashes, naps };

  kind what = kind::naps;
  const program* guest = nullptr;
  std::vector<std::string> arguments = {};
  tile area = {};                       // tile: the part of the picture
  std::uint64_t limit = 0;              // primes: counted up to here
  std::vector<std::string> files = {};  // hashes: names as the guest sees them
};

struct workload_options {
  picture_size picture = full_picture;
  std::uint64_t sieve_limit = 24'000'000;  // of the first guest; each further one goes a million beyond
  int naps = 20;
  int nap_milliseconds = 10;
};

// 32 tiles of the picture, 12 counts of primes, 12 hands of files to hash, 8 sleepers; a quarter of the tiles is drawn by the
// AssemblyScript guest, a quarter of the counts and hashes is done by the Go guests, where they were built. In an order that mixes
// the kinds.
[[nodiscard]] std::vector<job> make_workload(const programs& available, const corpus& files,
                                             const workload_options& options);

// What the guests must come to, found out natively.
class expectations {
 public:
  // Computes over all workers of the calling fiber's runtime.
  expectations(const workload_options& options, const corpus& files);

  // Throws std::runtime_error, naming the guest and what differs, if a guest did not do what it should have.
  void check(const job& j, const guest_result& result) const;

  [[nodiscard]] const picture& drawn_natively() const noexcept { return picture_; }

 private:
  void check_primes(const job& j, const guest_result& result) const;
  void check_hashes(const job& j, const guest_result& result) const;

  picture picture_;
  std::map<std::uint64_t, std::uint64_t> primes_;  // limit -> count
  std::map<std::string, std::string> digests_;     // name in the guest -> SHA-256
};

}  // namespace demo
