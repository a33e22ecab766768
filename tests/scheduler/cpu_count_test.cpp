// How many CPUs there are, and runtimes that follow their number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/detail/cpu_count.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// ---------------------------------------------------------------------------------------------------- what the kernel says

TEST(cpu_quota, is_rounded_up) {
  EXPECT_EQ(detail::cpus_of_quota("max 100000\n"), 0U);
  EXPECT_EQ(detail::cpus_of_quota("150000 100000\n"), 2U);
  EXPECT_EQ(detail::cpus_of_quota("200000 100000\n"), 2U);
  EXPECT_EQ(detail::cpus_of_quota("200001 100000"), 3U);
  EXPECT_EQ(detail::cpus_of_quota("1000 100000\n"), 1U);
  EXPECT_EQ(detail::cpus_of_quota("50000 10000\n"), 5U);
  EXPECT_EQ(detail::cpus_of_quota("18446744073709551615 1\n"), 4'294'967'295U);
}

TEST(cpu_quota, that_says_nothing_is_none) {
  for (const char* text :
       {"", "\n", "max", "150000", "150000 ", "150000\n", "150000 0\n", "-1 100000\n", "many 100000\n",
        "150000 often\n", "150000 100000x\n", "1.5 1\n", "0 100000\n", "99999999999999999999 1\n"}) {
    EXPECT_EQ(detail::cpus_of_quota(text), 0U) << '\'' << text << '\'';
  }
}

TEST(cpu_quota, is_looked_for_in_all_cgroups_on_the_path) {
  EXPECT_THAT(detail::quota_files("0::/a/b\n", "/top"),
              ElementsAre("/top/a/b/cpu.max", "/top/a/cpu.max", "/top/cpu.max"));
  EXPECT_THAT(detail::quota_files("0::/\n", "/top"), ElementsAre("/top/cpu.max"));
  EXPECT_THAT(detail::quota_files("12:cpu,cpuacct:/old\n0::/new\n", "/top"),
              ElementsAre("/top/new/cpu.max", "/top/cpu.max"));
  for (const char* text : {"", "12:cpu,cpuacct:/old\n1:name=systemd:/x\n", "0::", "0::a\n", "0:"}) {
    EXPECT_THAT(detail::quota_files(text, "/top"), IsEmpty()) << text;
  }
}

std::atomic<unsigned> fake_cpus{4};
std::atomic<unsigned> fake_looks{0};
unsigned count_fake_cpus() noexcept {
  fake_looks.fetch_add(1);
  return fake_cpus.load();
}

// A hierarchy of cgroups in a folder.
class cpu_counter : public testing::Test {
 protected:
  cpu_counter() {
    std::string name = testing::TempDir() + "weft_cgroups_XXXXXX";
    top_ = ::mkdtemp(name.data());
    fake_cpus = 16;
  }
  ~cpu_counter() override { std::filesystem::remove_all(top_); }

  void limit(const std::string& cgroup, const std::string& text) {
    std::filesystem::create_directories(top_ / cgroup);
    std::ofstream(top_ / cgroup / "cpu.max") << text;
  }
  void move_to(const std::string& cgroup) { std::ofstream(top_ / "membership") << "0::/" << cgroup << '\n'; }
  detail::cpu_source source() { return {&count_fake_cpus, top_ / "membership", top_, 5ms}; }

  std::filesystem::path top_;
};

TEST_F(cpu_counter, takes_the_smallest_of_nested_limits) {
  detail::cpu_counter counter(source());
  move_to("a/b");
  limit("a/b", "600000 100000\n");
  limit("a", "250000 100000\n");
  limit("", "max 100000\n");
  EXPECT_EQ(counter.count(), 3U);
  limit("", "50000 100000\n");
  EXPECT_EQ(counter.count(), 1U) << "the top is looked at, too";
  limit("", "max 100000\n");
  limit("a", "900000 100000\n");
  EXPECT_EQ(counter.count(), 6U);
}

TEST_F(cpu_counter, follows_a_process_to_another_cgroup) {
  detail::cpu_counter counter(source());
  limit("a", "200000 100000\n");
  limit("b", "300000 100000\n");
  move_to("a");
  EXPECT_EQ(counter.count(), 2U);
  move_to("b");
  EXPECT_EQ(counter.count(), 3U);
  std::filesystem::remove_all(top_ / "b");
  EXPECT_EQ(counter.count(), 16U) << "a cgroup that has gone limits nothing";
}

TEST_F(cpu_counter, goes_by_the_mask_where_there_is_no_limit) {
  detail::cpu_counter counter(source());
  EXPECT_EQ(counter.count(), 16U) << "no cgroups";
  move_to("a");
  EXPECT_EQ(counter.count(), 16U) << "a cgroup without the file";
  limit("a", "rubbish\n");
  EXPECT_EQ(counter.count(), 16U);
  limit("a", "max 100000\n");
  EXPECT_EQ(counter.count(), 16U);
  limit("a", "6400000 100000\n");
  EXPECT_EQ(counter.count(), 16U) << "a quota of more CPUs than there are";
  fake_cpus = 0;
  EXPECT_EQ(counter.count(), 1U);
}

TEST(available_cpus, is_within_the_affinity_mask) {
  EXPECT_GE(available_cpus(), 1U);
  EXPECT_LE(available_cpus(), detail::cpus_by_affinity());
}

// ---------------------------------------------------------------------------------------------------- runtimes

class worker_count : public cpu_counter {
 protected:
  worker_count() { detail::current_cpu_source() = source(); }
  ~worker_count() override { detail::current_cpu_source() = {}; }

  static options following() {
    options o = test::test_options(0);
    o.backstop = 10ms;  // those off duty are no reason to look around, but a stuck one is
    return o;
  }
};

// Fibers that give way a few times each; returns how many workers have got on meanwhile.
std::size_t workers_that_ran(runtime& rt) {
  const auto before = rt.statistics().workers;
  {
    group g;
    for (int i = 0; i < 500; ++i) {
      g.spawn([] {
        for (int k = 0; k < 5; ++k) yield();
        test::spin(2'000);
      });
    }
  }
  const auto after = rt.statistics().workers;
  std::size_t n = 0;
  for (std::size_t i = 0; i < before.size(); ++i) n += after[i].tasks_run != before[i].tasks_run ? 1U : 0U;
  return n;
}

// The rest of these hang where the number is not followed.
TEST_F(worker_count, follows_the_cpus_up_and_down) {
  fake_cpus = 2;
  runtime rt(following());
  EXPECT_EQ(rt.workers(), 2U);
  rt.run([&] {
    for (const unsigned n : {5U, 1U, 3U}) {
      fake_cpus = n;
      test::give_way_until([&] { return rt.workers() == n; });
      EXPECT_EQ(rt.statistics().workers_wanted, n);
      test::give_way_until([&] { return workers_that_ran(rt) == n; });
    }
  });
  EXPECT_GE(rt.statistics().workers.size(), 5U) << "those that were too many were kept";
}

TEST_F(worker_count, follows_a_quota) {
  move_to("service");
  limit("service", "100000 100000\n");
  fake_cpus = 4;
  runtime rt(following());
  EXPECT_EQ(rt.workers(), 1U);
  rt.run([&] {
    limit("service", "250000 100000\n");
    test::give_way_until([&] { return rt.workers() == 3; });
    limit("service", "max 100000\n");
    test::give_way_until([&] { return rt.workers() == 4; });
    limit("service", "100000 100000\n");
    test::give_way_until([&] { return rt.workers() == 1; });
    test::give_way_until([&] { return workers_that_ran(rt) == 1; });
  });
}

void bind_all_threads_to(const cpu_set_t& cpus) {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    ::sched_setaffinity(std::stoi(thread.path().filename()), sizeof cpus, &cpus);
  }
}

TEST_F(worker_count, follows_the_real_affinity_mask) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  const auto n = static_cast<unsigned>(CPU_COUNT(&all));
  cpu_set_t first;
  CPU_ZERO(&first);
  for (unsigned cpu = 0; CPU_COUNT(&first) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &first);
  }
  detail::current_cpu_source().affinity = &detail::cpus_by_affinity;
  runtime rt(following());
  ASSERT_EQ(rt.workers(), n);
  rt.run([&] {
    bind_all_threads_to(first);
    test::give_way_until([&] { return rt.workers() == 1; });
    bind_all_threads_to(all);
    test::give_way_until([&] { return rt.workers() == n; });
  });
}

TEST_F(worker_count, that_was_given_stays) {
  fake_cpus = 5;
  fake_looks = 0;
  options o = following();
  o.workers = 2;
  runtime rt(o);
  rt.run([] { sleep_for(50ms); });
  EXPECT_EQ(rt.workers(), 2U);
  EXPECT_EQ(fake_looks.load(), 0U);
}

TEST_F(worker_count, stays_without_a_monitor) {
  fake_cpus = 2;
  options o = following();
  o.monitor = false;
  runtime rt(o);
  fake_cpus = 5;
  rt.run([] { sleep_for(50ms); });
  EXPECT_EQ(rt.workers(), 2U);
}

TEST_F(worker_count, has_a_bound) {
  fake_cpus = 100'000;
  options o = following();
  o.spin = 0ns;
  EXPECT_EQ(runtime(o).workers(), 256U);
  fake_cpus = 2;
  runtime rt(o);
  fake_cpus = 100'000;
  rt.run([&] { test::give_way_until([&] { return rt.workers() == 256; }); });
}

TEST_F(worker_count, may_change_at_any_moment) {
  test::random_source random;
  fake_cpus = 3;
  runtime rt(following());
  std::atomic<int> done{0};
  const int tasks = test::rounds(2'000);
  rt.run([&] {
    test::random_source pauses = random.split();
    group g;
    g.spawn_daemon([&] {
      for (;;) {
        fake_cpus = 1 + random.below(6);
        sleep_for(3ms);
      }
    });
    for (int i = 0; i < tasks; ++i) {
      g.spawn([&, pause = 10us * pauses.below(300)] {
        for (int k = 0; k < 5; ++k) {
          sleep_for(pause);
          group inner;
          for (int m = 0; m < 3; ++m) inner.spawn([] { yield(); });
        }
        done.fetch_add(1);
      });
    }
  });
  EXPECT_EQ(done.load(), tasks);
}

TEST_F(worker_count, too_many_are_seen_in_a_dump) {
  fake_cpus = 3;
  runtime rt(following());
  rt.run([&] {
    EXPECT_THAT(dump(), Not(HasSubstr("off duty")));
    fake_cpus = 1;
    test::give_way_until([&] { return rt.workers() == 1 && dump().find("off duty") != std::string::npos; });
    EXPECT_THAT(dump(dump_format::json), HasSubstr("\"off_duty\":true"));
  });
}

// Workers off duty are asleep.
TEST_F(worker_count, does_not_hide_a_deadlock) {
  fake_cpus = 3;
  options o = following();
  o.backstop = 0ns;
  runtime rt(o);
  rt.run([&] {
    fake_cpus = 1;
    test::give_way_until([&] { return rt.workers() == 1; });
  });
  EXPECT_THROW(rt.run([] {
    parker().park();
    throw_cancelled();
  }),
               deadlock_error);
}

}  // namespace
}  // namespace weft
