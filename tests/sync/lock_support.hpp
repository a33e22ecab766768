// What the tests of the locks share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <system_error>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/group.hpp>

namespace weft::test {

// f() throws a system_error of that kind, whose text begins as all of weft's do.
template <class F>
void expect_error(std::errc expected, F f) {
  try {
    f();
    ADD_FAILURE() << "threw nothing";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), expected) << e.what();
    EXPECT_EQ(std::string(e.what()).rfind("weft: ", 0), 0U) << e.what();
  }
}

// Fibers, a thread and the body all count under the lock; the sum tells whether it excludes.
template <class Lock>
void count_on_fibers_and_a_thread(Lock lock, int each) {
  long counter = 0;
  const auto count = [&] {
    for (int i = 0; i < each; ++i) {
      lock([&] {
        const long before = counter;
        spin(20);
        counter = before + 1;
      });
    }
  };
  std::thread foreign(count);
  test::run([&] {
    group g;
    for (int f = 0; f < 10; ++f) g.spawn(count);
    count();
  });
  foreign.join();
  EXPECT_EQ(counter, 12L * each);
}

}  // namespace weft::test
