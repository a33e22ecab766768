// options: what each does, read back from the kernel, and what is refused.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/detail/futex_driver.hpp>
#include <weft/scheduler/detail/placement.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

std::vector<unsigned> cpus_of_this_thread() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::pthread_getaffinity_np(::pthread_self(), sizeof set, &set), 0);
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string name_of_this_thread() {
  std::string name(16, '\0');
  EXPECT_EQ(::pthread_getname_np(::pthread_self(), name.data(), name.size()), 0);
  name.resize(name.find('\0'));
  return name;
}

std::set<std::string> names_of_all_threads() {
  std::set<std::string> names;
  DIR* threads = ::opendir("/proc/self/task");
  for (const dirent* d = ::readdir(threads); d != nullptr; d = ::readdir(threads)) {
    std::ifstream file("/proc/self/task/" + std::string(d->d_name) + "/comm");
    std::string name;
    if (std::getline(file, name)) names.insert(name);
  }
  ::closedir(threads);
  return names;
}

// What `look` finds on each worker's own thread.
template <class T>
std::map<unsigned, T> on_each_worker(options o, std::function<T()> look) {
  std::mutex mutex;
  std::map<unsigned, T> found;
  o.monitor = false;  // its spare workers are not bound
  o.driver = [&](unsigned worker) {
    const std::lock_guard guard(mutex);
    found[worker] = look();
    return std::make_unique<detail::futex_driver>();
  };
  weft::run(o, [] {});
  return found;
}

std::map<unsigned, std::vector<unsigned>> cpus_of_workers(const options& o) {
  return on_each_worker<std::vector<unsigned>>(o, cpus_of_this_thread);
}

std::string refusal_of(const options& o) {
  try {
    runtime rt(o);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

// ---------------------------------------------------------------------------------------------------- names

TEST(options_name, is_that_of_the_threads) {
  options o = test::test_options();
  o.name = "harvest";
  const auto names = on_each_worker<std::string>(o, name_of_this_thread);
  for (const auto& [worker, name] : names) EXPECT_EQ(name, "harvest-" + std::to_string(worker));
}

TEST(options_name, is_seen_in_proc) {
  runtime rt(test::test_options());
  rt.run([] { blocking([] {}); });
  EXPECT_THAT(names_of_all_threads(), IsSupersetOf({"weft-0", "weft-blk"}));
}

TEST(options_name, has_room_for_the_last_worker) {
  options o = test::test_options(256);
  o.name = "elevenchars";
  o.spin = 0ns;
  const auto names = on_each_worker<std::string>(o, name_of_this_thread);
  EXPECT_EQ(names.at(255), "elevenchars-255");
}

TEST(options_name, of_blocking_threads_is_not_a_workers) {
  options o = test::test_options();
  o.name = "abc";
  weft::run(o, [] { EXPECT_EQ(blocking(name_of_this_thread), "abc-blk"); });
}

TEST(options_name, that_cannot_be_is_refused) {
  options o = test::test_options();
  for (const char* name : {"", "twelve-chars", "a b", "line\n", "na\xc3\xafve"}) {
    o.name = name;
    EXPECT_THAT(refusal_of(o), AllOf(HasSubstr("options::name is '" + o.name + "'"), HasSubstr("1 to 11"))) << name;
  }
}

// ---------------------------------------------------------------------------------------------------- CPUs

TEST(options_pin, none_leaves_workers_where_the_process_may_be) {
  const auto mine = cpus_of_this_thread();
  for (const auto& [worker, cpus] : cpus_of_workers(test::test_options())) EXPECT_EQ(cpus, mine) << worker;
}

TEST(options_pin, compact_and_spread_bind_each_worker_to_a_cpu) {
  const auto mine = cpus_of_this_thread();
  for (const pinning how : {pinning::compact, pinning::spread}) {
    options o = test::test_options();
    o.pin = how;
    std::set<unsigned> used;
    for (const auto& [worker, cpus] : cpus_of_workers(o)) {
      ASSERT_EQ(cpus.size(), 1U) << worker;
      EXPECT_THAT(mine, testing::Contains(cpus[0]));
      used.insert(cpus[0]);
    }
    EXPECT_EQ(used.size(), std::min<std::size_t>(test::worker_count(), mine.size())) << "CPUs are shared needlessly";
  }
}

TEST(options_pin, list_is_followed_and_repeated) {
  const auto mine = cpus_of_this_thread();
  options o = test::test_options(5);
  o.pin = pinning::list;
  o.pin_list = {mine.back(), mine.front()};
  const auto cpus = cpus_of_workers(o);
  for (unsigned i = 0; i < 5; ++i) EXPECT_THAT(cpus.at(i), ElementsAre(o.pin_list[i % 2])) << i;
}

TEST(options_pin, binds_neither_the_caller_nor_blocking_threads) {
  const auto mine = cpus_of_this_thread();
  options o = test::test_options();
  o.pin = pinning::compact;
  o.monitor = false;
  weft::run(o, [&] {
    EXPECT_EQ(cpus_of_this_thread().size(), 1U);
    EXPECT_EQ(blocking(cpus_of_this_thread), mine);
  });
  EXPECT_EQ(cpus_of_this_thread(), mine);
}

TEST(options_pin, of_cpus_that_may_not_be_used_is_refused) {
  options o = test::test_options();
  o.pin = pinning::list;
  EXPECT_THAT(refusal_of(o), AllOf(HasSubstr("options::pin_list is empty"), HasSubstr("name CPUs of 0")));
  for (const unsigned wrong : {1'000U, 1'024U, 4'000'000'000U}) {
    o.pin_list = {cpus_of_this_thread()[0], wrong};
    EXPECT_THAT(refusal_of(o),
                AllOf(HasSubstr("options::pin_list has CPU " + std::to_string(wrong)), HasSubstr("may use CPUs ")));
  }
  o.pin = pinning::spread;
  EXPECT_THAT(refusal_of(o), HasSubstr("pin_list is given; it is for options::pin = pinning::list"));
  o.pin_list = {};
  o.pin = static_cast<pinning>(77);
  EXPECT_THAT(refusal_of(o), HasSubstr("options::pin is 77"));
}

// Two packages of two cores with two hardware threads each, numbered as Linux mostly does: siblings far apart.
TEST(placement, compact_fills_cores_and_spread_packages) {
  std::vector<detail::cpu_position> cpus;
  for (unsigned cpu = 0; cpu < 8; ++cpu) cpus.push_back({cpu, cpu / 2 % 2, cpu % 2});
  EXPECT_THAT(detail::order_cpus(cpus, pinning::compact), ElementsAre(0, 4, 1, 5, 2, 6, 3, 7));
  EXPECT_THAT(detail::order_cpus(cpus, pinning::spread), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
}

TEST(placement, copes_with_uneven_machines) {
  const std::vector<detail::cpu_position> cpus{{5, 1, 9}, {0, 0, 0}, {1, 0, 0}, {2, 0, 7}};
  EXPECT_THAT(detail::order_cpus(cpus, pinning::compact), ElementsAre(0, 1, 2, 5));
  EXPECT_THAT(detail::order_cpus(cpus, pinning::spread), ElementsAre(0, 5, 2, 1));
  EXPECT_THAT(detail::order_cpus({}, pinning::spread), ElementsAre());
}

// ---------------------------------------------------------------------------------------------------- numbers

TEST(options_numbers, out_of_range_are_refused) {
  options o = test::test_options(257);
  EXPECT_THAT(refusal_of(o), HasSubstr("options::workers is 257; the most is 256"));
  o = test::test_options();
  for (const auto wrong : {-1ns, std::chrono::nanoseconds(1s) + 1ns, std::chrono::nanoseconds::min()}) {
    o.spin = wrong;
    EXPECT_THAT(refusal_of(o),
                AllOf(HasSubstr("options::spin is " + std::to_string(wrong.count()) + " ns"), HasSubstr("0 to 1 s")));
  }
  o.spin = 0ns;
  o.backstop = -1ns;
  EXPECT_THAT(refusal_of(o), HasSubstr("options::backstop is -1 ns"));
  o.backstop = 0ns;
  o.stack_size = 100'000;
  EXPECT_THAT(refusal_of(o), AllOf(HasSubstr("options::stack_size is 100000"), HasSubstr("power of two")));
}

TEST(options_numbers, at_their_ends_are_accepted) {
  options o = test::test_options();
  o.spin = 1s;
  o.backstop = std::chrono::nanoseconds::max();
  weft::run(o, [] {});
}

// ---------------------------------------------------------------------------------------------------- stacks of tasks

// On the real stack, where AddressSanitizer would put the frame elsewhere.
[[gnu::noinline, gnu::no_sanitize_address]] std::size_t use_stack(std::size_t bytes) {
  volatile char frame[4'096];
  frame[0] = 1;
  frame[sizeof frame - 1] = 1;
  asm volatile("" : : "r"(frame) : "memory");  // or the recursion may become a loop
  return (bytes > sizeof frame ? use_stack(bytes - sizeof frame) : 0) + static_cast<std::size_t>(frame[0]);
}

TEST(spawn_stack_size, gives_a_task_room_that_the_runtimes_stacks_have_not) {
  test::run([] {
    group g;
    for (const std::size_t size : {64U << 10, 1U << 20, 16U << 20}) {
      const std::size_t used = size / 8 * 5;
      EXPECT_EQ(g.spawn([used] { return use_stack(used); }, {.stack_size = size}).get(), used / 4'096);
    }
  });
}

TEST(spawn_stack_size, works_for_tasks_that_wait_and_move) {
  const int rounds = test::rounds(200);
  test::run([rounds] {
    std::atomic<int> ended{0};
    {
      group g;
      for (int i = 0; i < rounds; ++i) {
        g.spawn(
            [&, i] {
              const char* here = static_cast<const char*>(__builtin_frame_address(0));
              for (int k = 0; k < 10; ++k) {
                (i + k) % 3 == 0 ? sleep_for(20us) : yield();
                group inner;
                inner.spawn([] { yield(); });
              }
              EXPECT_EQ(use_stack(300 << 10), 75U);
              EXPECT_LT(std::abs(here - static_cast<const char*>(__builtin_frame_address(0))), 4'096);
              ended.fetch_add(1);
            },
            {.stack_size = 512 << 10});
      }
    }
    EXPECT_EQ(ended.load(), rounds);
  });
}

TEST(spawn_stack_size, passes_results_and_failures) {
  test::run([] {
    group g(supervise);
    EXPECT_EQ(
        *g.spawn([p = std::make_unique<int>(3)] { return std::make_unique<int>(*p + 1); }, {.stack_size = 1 << 20})
             .get(),
        4);
    auto failing = g.spawn([] { throw std::out_of_range("deep"); }, {.stack_size = 1 << 20});
    EXPECT_THROW(failing.get(), std::out_of_range);
    EXPECT_THROW(g.join(), group_error);
  });
}

TEST(spawn_stack_size, is_cancelled_like_others) {
  test::run([] {
    group g;
    auto sleeping = g.spawn([] { sleep_for(1h); }, {.stack_size = 1 << 20});
    yield();
    g.cancel();
    auto late = g.spawn([keep = std::make_shared<int>(1)] { FAIL(); }, {.stack_size = 1 << 20});
    EXPECT_THROW(late.get(), cancelled);
  });
}

TEST(spawn_stack_size, stacks_are_reused_and_counted) {
  runtime rt(test::test_options());
  rt.run([&] {
    std::set<const void*> stacks;
    for (int i = 0; i < 100; ++i) {
      group g;
      g.spawn([&] { stacks.insert(__builtin_frame_address(0)); }, {.stack_size = 1 << 20});
    }
    EXPECT_LE(stacks.size(), 2U);
    group g;
    const std::size_t before = rt.statistics().stacks_live;
    g.spawn([&] { EXPECT_GE(rt.statistics().stacks_live, before + 1); }, {.stack_size = 1 << 20});
    g.join();
    g.spawn([] { return use_stack(700 << 10); }, {.stack_size = 1 << 20}).get();
    EXPECT_GE(rt.statistics().stack_high_water, 700U << 10);
  });
}

TEST(spawn_stack_size, that_makes_no_sense_is_refused_at_the_spawn) {
  test::run([] {
    group g;
    for (const std::size_t size : {std::size_t{1}, std::size_t{32} << 10, std::size_t{100'000}, std::size_t{2} << 30}) {
      try {
        g.spawn([] { FAIL(); }, {.stack_size = size});
        FAIL() << size;
      } catch (const std::invalid_argument& e) {
        EXPECT_THAT(e.what(),
                    HasSubstr("spawn_options::stack_size is " + std::to_string(size) + "; it must be a power of two"));
      }
    }
  });
}

}  // namespace
}  // namespace weft
