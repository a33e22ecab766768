#include <weft/io/doctor.hpp>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "forbid.hpp"
#include "io_support.hpp"

namespace weft::io::test {
namespace {

finding named(std::string_view name) {
  const std::vector<finding> all = examine();
  const auto it = std::find_if(all.begin(), all.end(), [name](const finding& f) { return f.name == name; });
  if (it != all.end()) return *it;
  ADD_FAILURE() << "no finding is called " << name;
  return {};
}

using doctor_test = io_test;

TEST_F(doctor_test, every_finding_says_what_it_found_and_what_is_not_good_has_a_remedy) {
  for (const finding& f : examine()) {
    EXPECT_FALSE(f.found.empty()) << f.name;
    EXPECT_EQ(f.how == finding::state::good, f.cause.empty()) << f.name;
    EXPECT_EQ(f.how == finding::state::good, f.remedy.empty()) << f.name;
  }
  EXPECT_EQ(named("I/O engine").found.substr(0, engine_under_test().size()), engine_under_test());
}

TEST_F(doctor_test, few_descriptors_are_a_limit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(named("RLIMIT_NOFILE").how, finding::state::limited);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

[[noreturn]] void tell_of(const char* name) {
  const finding f = named(name);
  std::fprintf(stderr, "%s: %s | %s | %s\n", to_string(f.how), f.found.c_str(), f.cause.c_str(), f.remedy.c_str());
  ::_exit(0);
}

TEST_F(doctor_test, rings_that_are_forbidden_have_a_cause_and_a_remedy) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_setup, EPERM);
        tell_of("io_uring");
      },
      testing::ExitedWithCode(0),
      "limited: not to be had; epoll is used instead . A seccomp filter .* . start the container");
  EXPECT_EXIT(
      {
        ::unsetenv("WEFT_IO");
        forbid(SYS_io_uring_setup, EPERM);
        tell_of("I/O engine");
      },
      testing::ExitedWithCode(0), "good: epoll, as io_uring is not to be had");
  EXPECT_EXIT(
      {
        ::setenv("WEFT_IO", "iocp", 1);
        tell_of("I/O engine");
      },
      testing::ExitedWithCode(0), "bad: none . weft: WEFT_IO is 'iocp'");
}

}  // namespace
}  // namespace weft::io::test
