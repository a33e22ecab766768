#include "harness.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

// Peak resident memory, from the kernel: getrusage would report the parent's where that was larger before exec.
double peak_rss_mb() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen("/proc/self/status", "r"), std::fclose};
  char line[256];
  while (file && std::fgets(line, sizeof line, file.get()) != nullptr) {
    if (std::strncmp(line, "VmHWM:", 6) == 0) return static_cast<double>(std::strtol(line + 6, nullptr, 10)) / 1024;
  }
  return 0;
}

long number(std::string_view text, std::string_view what) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1) {
    throw std::invalid_argument(std::string(what) + " must be a whole number from 1, not '" + std::string(text) + "'");
  }
  return value;
}

int measure(const workload& w, unsigned workers, long size) {
  const double value = w.run(workers, size);
  std::printf(R"({"workload": "%.*s", "unit": "%.*s", "value": %.9g, "peak_rss_mb": %.1f})"
              "\n",
              static_cast<int>(w.name.size()), w.name.data(), static_cast<int>(w.unit.size()), w.unit.data(), value,
              peak_rss_mb());
  return 0;
}

int dispatch(int argc, char** argv, std::string_view version, std::span<const workload> workloads) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--version") return std::printf("%.*s\n", static_cast<int>(version.size()), version.data()) < 0;
  if (first == "--list") {
    for (const workload& w : workloads) std::printf("%.*s\n", static_cast<int>(w.name.size()), w.name.data());
    return 0;
  }
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s WORKLOAD WORKERS SIZE | --list | --version\n", argv[0]);
    return 2;
  }
  const auto found = std::ranges::find(workloads, first, &workload::name);
  if (found == workloads.end()) throw std::invalid_argument("no workload '" + std::string(first) + "'; see --list");
  return measure(*found, static_cast<unsigned>(number(argv[2], "WORKERS")), number(argv[3], "SIZE"));
}

}  // namespace

int run_program(int argc, char** argv, std::string_view version, std::span<const workload> workloads) {
  try {
    return dispatch(argc, argv, version, workloads);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
}

void require(bool condition, std::string_view what) {
  if (!condition) throw std::runtime_error("wrong result: " + std::string(what));
}

double process_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double percentile_99(std::span<double> samples) {
  require(!samples.empty(), "no samples");
  const std::size_t rank = (samples.size() * 99 + 99) / 100 - 1;  // nearest rank
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(rank), samples.end());
  return samples[rank];
}

}  // namespace bench
