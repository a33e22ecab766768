// A primitive that is destroyed while somebody waits for it ends the process, and says which.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>

#include <support.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/sync.hpp>

namespace weft {
namespace {

// Makes a P, has a task wait for it, and destroys it then.
template <class P, class Wait>
void destroy_under_waiter(std::unique_ptr<P> p, Wait wait) {
  weft::run(test::test_options(1), [&] {
    group g;
    event will_wait;
    g.spawn([&] {
      will_wait.set();
      wait(*p);
    });
    will_wait.wait();
    yield();
    p.reset();
  });
}

class misuse : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

TEST_F(misuse, of_a_mutex) {
  EXPECT_DEATH(
      {
        auto m = std::make_unique<mutex>();
        m->lock();
        destroy_under_waiter(std::move(m), [](mutex& x) { x.lock(); });
      },
      "weft: mutex 0x[0-9a-f]+ is destroyed while 1 wait for it.*\n.*before the group");
}

TEST_F(misuse, of_a_shared_mutex) {
  EXPECT_DEATH(
      {
        auto m = std::make_unique<shared_mutex>();
        m->lock();
        destroy_under_waiter(std::move(m), [](shared_mutex& x) { x.lock_shared(); });
      },
      "weft: shared_mutex 0x[0-9a-f]+ is destroyed");
}

TEST_F(misuse, of_an_event) {
  EXPECT_DEATH(destroy_under_waiter(std::make_unique<event>(), [](event& e) { e.wait(); }), "weft: event 0x");
}

TEST_F(misuse, of_a_semaphore) {
  EXPECT_DEATH(destroy_under_waiter(std::make_unique<binary_semaphore>(0), [](binary_semaphore& s) { s.acquire(); }),
               "weft: semaphore 0x");
}

TEST_F(misuse, of_a_condition_variable) {
  EXPECT_DEATH(destroy_under_waiter(std::make_unique<condition_variable>(),
                                    [](condition_variable& c) {
                                      mutex m;
                                      std::unique_lock lock(m);
                                      c.wait(lock);
                                    }),
               "weft: condition variable 0x");
}

TEST_F(misuse, of_a_latch) {
  EXPECT_DEATH(destroy_under_waiter(std::make_unique<latch>(1), [](latch& l) { l.wait(); }), "weft: latch 0x");
}

TEST_F(misuse, of_a_barrier) {
  EXPECT_DEATH(destroy_under_waiter(std::make_unique<barrier<>>(2), [](barrier<>& b) { b.arrive_and_wait(); }),
               "weft: barrier 0x");
}

}  // namespace
}  // namespace weft
