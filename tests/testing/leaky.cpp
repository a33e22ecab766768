// Tests that leave something behind: leak_check.cpp must fail each of them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <weft/scheduler/runtime.hpp>

namespace weft {
namespace {

TEST(leaky, runtime) { (void)new runtime({.workers = 1}); }

TEST(leaky, thread) {
  std::thread([] {
    for (;;) ::pause();
  }).detach();
}

TEST(leaky, descriptor) { EXPECT_GE(::dup(0), 0); }

TEST(leaky, nothing) {
  runtime({.workers = 2}).run([] {});
}

}  // namespace
}  // namespace weft
