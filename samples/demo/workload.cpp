#include "workload.hpp"

#include <algorithm>
#include <stdexcept>

#include <weft/scheduler/group.hpp>

#include "digest.hpp"

namespace demo {
namespace {

constexpr std::size_t prime_guests = 12;
constexpr std::size_t hash_guests = 12;
constexpr std::size_t nap_guests = 8;
static_assert(tile_count + prime_guests + hash_guests + nap_guests == guest_count);

// One in four goes to the other language's guest, if there is one.
const program& choose(std::size_t index, const program& usual, const program* other) {
  return other != nullptr && index % 4 == 3 ? *other : usual;
}

std::string tile_file(const tile& t) {
  return std::string(tiles_in_guest) + "/" + std::to_string(t.x) + "-" + std::to_string(t.y) + ".rgb";
}

void add_tiles(std::vector<job>& jobs, const programs& available, const workload_options& options) {
  const std::vector<tile> tiles = tiles_of(options.picture);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const tile& t = tiles[i];
    job j{.what = job::kind::tile, .guest = &choose(i, available.mandelbrot, available.mandelbrot_as()), .area = t};
    for (const int number :
         {options.picture.width, options.picture.height, options.picture.iterations, t.x, t.y, t.width, t.height}) {
      j.arguments.push_back(std::to_string(number));
    }
    j.arguments.push_back(tile_file(t));
    jobs.push_back(std::move(j));
  }
}

std::vector<std::uint64_t> sieve_limits(const workload_options& options) {
  std::vector<std::uint64_t> limits;
  for (std::size_t i = 0; i < prime_guests; ++i) limits.push_back(options.sieve_limit + i * 1'000'000);
  return limits;
}

void add_primes(std::vector<job>& jobs, const programs& available, const workload_options& options) {
  std::size_t i = 0;
  for (const std::uint64_t limit : sieve_limits(options)) {
    const program& guest = choose(i++, available.sieve, available.primes_go());
    job j{.what = job::kind::primes, .guest = &guest, .arguments = {std::to_string(limit)}, .limit = limit};
    if (&guest == available.primes_go()) j.arguments.push_back("8");  // goroutines
    jobs.push_back(std::move(j));
  }
}

void add_hashes(std::vector<job>& jobs, const programs& available, const corpus& files) {
  std::size_t i = 0;
  for (std::vector<std::string>& hand : files.deal(hash_guests)) {
    const program& guest = choose(i++, available.hashfiles, available.hashfiles_go());
    jobs.push_back({.what = job::kind::hashes, .guest = &guest, .arguments = hand, .files = std::move(hand)});
  }
}

void add_naps(std::vector<job>& jobs, const programs& available, const workload_options& options) {
  for (std::size_t i = 0; i < nap_guests; ++i) {
    jobs.push_back({.what = job::kind::naps,
                    .guest = &available.sleeper,
                    .arguments = {std::to_string(options.naps), std::to_string(options.nap_milliseconds)}});
  }
}

// How many primes there are up to each of the limits, by one plain sieve over odd numbers.
std::map<std::uint64_t, std::uint64_t> count_primes(const std::vector<std::uint64_t>& limits) {
  const std::uint64_t highest = *std::max_element(limits.begin(), limits.end());
  std::vector<bool> composite(highest / 2 + 1);  // [i]: 2 i + 1
  for (std::uint64_t n = 3; n * n <= highest; n += 2) {
    if (composite[n / 2]) continue;
    for (std::uint64_t multiple = n * n; multiple <= highest; multiple += 2 * n) composite[multiple / 2] = true;
  }
  std::map<std::uint64_t, std::uint64_t> counts;
  for (const std::uint64_t limit : limits) {
    const auto end = composite.begin() + static_cast<std::ptrdiff_t>((limit + 1) / 2);
    counts[limit] = 1 + static_cast<std::uint64_t>(std::count(composite.begin() + 1, end, false));
  }
  return counts;
}

[[noreturn]] void differs(const job& j, const std::string& what) {
  throw std::runtime_error("the guest " + j.guest->name + " is wrong: " + what);
}

}  // namespace

std::vector<job> make_workload(const programs& available, const corpus& files, const workload_options& options) {
  std::vector<job> jobs;
  add_tiles(jobs, available, options);
  add_primes(jobs, available, options);
  add_hashes(jobs, available, files);
  add_naps(jobs, available, options);
  // A stride that has no factor in common with 64 visits each once and leaves no two of a kind together for long.
  std::vector<job> mixed;
  for (std::size_t i = 0; i < jobs.size(); ++i) mixed.push_back(std::move(jobs[i * 27 % jobs.size()]));
  return mixed;
}

expectations::expectations(const workload_options& options, const corpus& files) : picture_(options.picture) {
  for (const auto& [name, path] : files.files) digests_[name];
  weft::group g("native computation");
  for (const tile& t : tiles_of(options.picture)) {
    g.spawn([this, &options, t] { picture_.put(t, render_natively(options.picture, t)); });
  }
  g.spawn([this, &options] { primes_ = count_primes(sieve_limits(options)); });
  for (const auto& [name, path] : files.files) {
    g.spawn([&digest = digests_[name], &file = path] { digest = sha256_of_file(file); });
  }
  g.join();
}

void expectations::check(const job& j, const guest_result& result) const {
  if (result.exit_code != 0)
    differs(j, "it ended with exit code " + std::to_string(result.exit_code) + ": " + result.errors);
  switch (j.what) {
    case job::kind::tile:
      break;  // the whole picture is compared
    case job::kind::primes:
      check_primes(j, result);
      break;
    case job::kind::hashes:
      check_hashes(j, result);
      break;
    case job::kind::naps:
      if (!result.output.starts_with("woke " + j.arguments[0] + " times")) differs(j, "it printed " + result.output);
      break;
  }
}

void expectations::check_primes(const job& j, const guest_result& result) const {
  const std::string expected = std::to_string(primes_.at(j.limit));
  if (result.output != expected + "\n") {
    differs(j, "up to " + std::to_string(j.limit) + " there are " + expected + " primes, it printed " + result.output);
  }
}

void expectations::check_hashes(const job& j, const guest_result& result) const {
  std::string expected;
  for (const std::string& name : j.files) expected += digests_.at(name) + "  " + name + "\n";
  if (result.output != expected) differs(j, "expected\n" + expected + "but it printed\n" + result.output);
}

}  // namespace demo
