// The driver interface: the futex driver by itself, and runtimes with drivers of their own.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <support.hpp>
#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/driver.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using detail::futex_driver;

driver::time_point now() { return std::chrono::steady_clock::now(); }

TEST(futex_driver, says_what_it_is) {
  futex_driver a, b;
  EXPECT_EQ(a.name(), "futex");
  EXPECT_EQ(a.kind(), b.kind());
  EXPECT_FALSE(a.busy());
  EXPECT_FALSE(a.poll());
  EXPECT_EQ(a.operations(), 0U);
}

TEST(futex_driver, waits_until_the_time_given) {
  futex_driver d;
  const auto until = now() + 20ms;
  d.wait(until);
  EXPECT_GE(now(), until);
}

TEST(futex_driver, does_not_wait_for_a_time_in_the_past) {
  futex_driver d;
  d.wait(now() - 1h);
  d.wait(driver::time_point{});
  d.wait(driver::time_point::min());
}

TEST(futex_driver, an_interruption_before_the_wait_ends_it_and_counts_once) {
  futex_driver d;
  d.interrupt();
  d.interrupt();
  d.wait(driver::time_point::max());
  const auto until = now() + 5ms;
  d.wait(until);
  EXPECT_GE(now(), until);
}

TEST(futex_driver, is_interrupted_by_another_thread) {
  futex_driver d;
  const int rounds = test::rounds(5'000);
  std::atomic<int> seen{0};
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      d.interrupt();
      test::give_way_until([&] { return seen.load() > i; });
    }
  });
  for (int i = 0; i < rounds; ++i) {
    d.wait(driver::time_point::max());
    seen.fetch_add(1);
  }
  other.join();
}

// A driver that completes one "operation" each time it is polled or waited on while one is under way.
class fake_engine final : public driver {
 public:
  explicit fake_engine(std::atomic<int>& alive) : alive_(alive) { alive_.fetch_add(1); }
  ~fake_engine() override { alive_.fetch_sub(1); }

  [[nodiscard]] std::string_view name() const noexcept override { return "fake"; }
  bool poll() noexcept override { return complete(); }
  void wait(time_point until) noexcept override {
    if (!complete()) sleeper_.wait(until);
  }
  void interrupt() noexcept override { sleeper_.interrupt(); }
  [[nodiscard]] bool busy() const noexcept override { return started_ != completed_; }
  [[nodiscard]] std::uint64_t operations() const noexcept override { return started_.load(); }
  [[nodiscard]] const void* kind() const noexcept override { return &tag; }

  void start(ticket waiting) {
    waiting_ = waiting;
    started_.fetch_add(1);
  }
  static const char tag;

 private:
  bool complete() {
    if (!busy()) return false;
    completed_ = started_.load();
    return waiting_.signal();
  }
  std::atomic<int>& alive_;
  futex_driver sleeper_;
  std::atomic<std::uint64_t> started_{0};
  std::uint64_t completed_ = 0;
  ticket waiting_;
};
const char fake_engine::tag = 0;

// What an operation of an I/O engine looks like.
void operate() {
  parker self;
  auto* engine = static_cast<fake_engine*>(current_driver());
  engine->start(self.id());
  EXPECT_EQ(self.park(), wake::signalled);
}

options with_fake_engine(std::atomic<int>& alive) {
  options o = test::test_options();
  o.driver = [&alive](unsigned) { return std::make_unique<fake_engine>(alive); };
  return o;
}

TEST(driver, each_worker_gets_one_made_on_its_own_thread) {
  std::atomic<int> alive{0};
  std::mutex lock;
  std::vector<std::pair<unsigned, std::thread::id>> made;
  options o = test::test_options(3);
  o.driver = [&](unsigned worker) {
    std::lock_guard guard(lock);
    made.emplace_back(worker, std::this_thread::get_id());
    return std::make_unique<fake_engine>(alive);
  };
  {
    runtime rt(o);
    std::sort(made.begin(), made.end());
    ASSERT_EQ(made.size(), 3U);
    for (unsigned w = 0; w < 3; ++w) EXPECT_EQ(made[w].first, w);
    EXPECT_NE(made[0].second, made[1].second);
    EXPECT_NE(made[0].second, std::this_thread::get_id());
    EXPECT_EQ(alive.load(), 3);
  }
  EXPECT_EQ(alive.load(), 0) << "drivers end with their workers";
}

TEST(driver, is_the_callers_and_none_outside) {
  EXPECT_EQ(current_driver(), nullptr);
  std::atomic<int> alive{0};
  weft::run(with_fake_engine(alive), [] {
    ASSERT_NE(current_driver(), nullptr);
    EXPECT_EQ(current_driver()->kind(), &fake_engine::tag);
    EXPECT_EQ(current_driver()->name(), "fake");
  });
}

TEST(driver, is_polled_when_its_worker_has_nothing_else) {
  std::atomic<int> alive{0};
  weft::run(with_fake_engine(alive), [] {
    for (int i = 0; i < 1'000; ++i) operate();
    EXPECT_EQ(runtime::current_statistics().total().operations, 1'000U);
  });
}

TEST(driver, is_polled_beside_fibers_that_never_wait) {
  std::atomic<int> alive{0};
  weft::run(with_fake_engine(alive), [] {
    std::atomic<bool> done{false};
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] { test::give_way_until([&] { return done.load(); }); });
    }
    g.spawn([&] {
      for (int i = 0; i < 100; ++i) operate();
      done.store(true);
    });
  });
}

TEST(driver, is_polled_beside_tasks_that_never_wait) {
  std::atomic<int> alive{0};
  weft::run(with_fake_engine(alive), [] {
    std::atomic<bool> done{false};
    group g;
    // A chain of tasks that each spawn the next: the deque is never empty, and no fiber is ever ready.
    struct chain {
      static void next(group& in, std::atomic<bool>& end) {
        if (!end.load()) in.spawn([&in, &end] { next(in, end); });
      }
    };
    for (int i = 0; i < 4; ++i) chain::next(g, done);
    g.spawn([&] {
      for (int i = 0; i < 100; ++i) operate();
      done.store(true);
    });
  });
}

// Completes its operation when another thread says so, as a device would: no worker is told but the one that waits.
class device final : public driver {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "device"; }
  bool poll() noexcept override { return completed_.exchange(false) && waiting_.signal(); }
  void wait(time_point until) noexcept override {
    if (!poll()) sleeper_.wait(until);
    poll();
  }
  void interrupt() noexcept override { sleeper_.interrupt(); }
  [[nodiscard]] bool busy() const noexcept override { return completed_.load(); }
  [[nodiscard]] std::uint64_t operations() const noexcept override { return 0; }
  [[nodiscard]] const void* kind() const noexcept override { return nullptr; }

  void start(ticket waiting) { waiting_ = waiting; }
  void complete() {
    completed_.store(true);
    sleeper_.interrupt();
  }

 private:
  futex_driver sleeper_;
  ticket waiting_;
  std::atomic<bool> completed_{false};
};

// A completion wakes one worker out of a runtime that was all asleep. Its fiber wakes another and computes: somebody must notice.
TEST(driver, what_a_hog_wakes_after_a_completion_runs_elsewhere) {
  if (test::worker_count() == 1) return;
  options o = test::test_options();
  o.backstop = 50us;
  o.spin = 10us;
  o.driver = [](unsigned) { return std::make_unique<device>(); };
  weft::run(o, [] {
    for (int i = 0; i < 5; ++i) {
      ticket other;
      std::atomic<bool> other_parked{false};
      std::atomic<bool> other_ran{false};
      std::atomic<device*> started{nullptr};
      group g;
      g.spawn([&] {
        parker self;
        other = self.id();
        self.park([&] { other_parked.store(true); });
        other_ran.store(true);
      });
      test::give_way_until([&] { return other_parked.load(); });
      std::thread hardware([&] {
        test::give_way_until([&] { return started.load() != nullptr; });
        std::this_thread::sleep_for(
            50ms);  // lets the workers fall asleep for good; where they do not, the test is less strict
        started.load()->complete();
      });
      {
        parker self;
        auto* d = static_cast<device*>(current_driver());
        d->start(self.id());
        EXPECT_EQ(self.park([&started, d] { started.store(d); }), wake::signalled);
      }
      other.signal();
      while (!other_ran.load()) test::spin(1'000);
      hardware.join();
    }
  });
}

TEST(driver, a_factory_that_throws_ends_the_start) {
  for (const unsigned failing : {0U, 1U, 2U}) {
    std::atomic<int> alive{0};
    options o = test::test_options(3);
    o.driver = [&](unsigned worker) -> std::unique_ptr<driver> {
      if (worker == failing) throw std::runtime_error("no ring for worker " + std::to_string(worker));
      return std::make_unique<fake_engine>(alive);
    };
    try {
      runtime rt(o);
      FAIL();
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(std::string(e.what()), "no ring for worker " + std::to_string(failing));
    }
    EXPECT_EQ(alive.load(), 0);
  }
}

TEST(driver, all_factories_may_throw) {
  options o = test::test_options(4);
  o.driver = [](unsigned) -> std::unique_ptr<driver> { throw 42; };
  EXPECT_THROW(runtime rt(o), int);
}

}  // namespace
}  // namespace weft
