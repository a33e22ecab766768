// After every test of the binaries it is linked into: the test has left no runtime behind (and so no fiber's stack), no thread and no
// descriptor.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/observe/registry.hpp>

namespace weft::test {
namespace {

std::size_t entries(const char* folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t threads() { return entries("/proc/self/task"); }
std::size_t descriptors() { return entries("/proc/self/fd"); }

std::size_t runtimes() {
  const auto lock = detail::runtime_list::lock();
  std::size_t n = 0;
  for (const detail::runtime_core* r = detail::runtime_list::first(); r != nullptr; r = r->next_runtime) ++n;
  return n;
}

// The kernel lists a thread that was joined for a moment longer.
std::size_t threads_when_settled(std::size_t expected) {
  for (int tries = 0; tries < 2'000 && threads() > expected; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return threads();
}

class leak_check : public ::testing::EmptyTestEventListener {
  // A sanitizer starts a thread of its own with the first one of the program.
  void OnTestProgramStart(const ::testing::UnitTest& /*all*/) override {
    std::thread([] {}).join();
  }

  void OnTestStart(const ::testing::TestInfo& /*test*/) override {
    threads_ = threads();
    descriptors_ = descriptors();
    runtimes_ = runtimes();
  }

  void OnTestEnd(const ::testing::TestInfo& /*test*/) override {
    EXPECT_LE(runtimes(), runtimes_) << "the test has left a runtime behind";
    EXPECT_LE(threads_when_settled(threads_), threads_) << "the test has left a thread behind";
    EXPECT_LE(descriptors(), descriptors_) << "the test has left a descriptor open";
  }

  std::size_t threads_ = 0;
  std::size_t descriptors_ = 0;
  std::size_t runtimes_ = 0;
};

// GoogleTest owns it. The end of a test comes to those appended last before those who print the outcome.
[[maybe_unused]] const bool appended = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new leak_check);
  return true;
}();

}  // namespace
}  // namespace weft::test
