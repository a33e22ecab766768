// What a program is told where the kernel gives no rings.
#include "forbid.hpp"
#include "io_support.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <deque>

#include <weft/io/uring/ring.hpp>
#include <weft/io/uring/uring_engine.hpp>

namespace weft::io::test {
namespace {

// From here on the kernel takes nothing from a ring, unless completions are asked for in the same call.
void forbid_plain_submission() {
  constexpr unsigned flags_argument = offsetof(seccomp_data, args) + 3 * sizeof(std::uint64_t);
  std::array program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_argument),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IORING_ENTER_GETEVENTS, 1, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  install_filter(program);
}

// In a child process: tries to start a runtime, prints what it is told.
[[noreturn]] void start_and_tell() {
  try {
    options o = weft::test::test_options();
    o.io = "uring";
    weft::run(o, [] {});
  } catch (const std::system_error& e) {
    std::fprintf(stderr, "errno %d: %s\n", e.code().value(), e.what());
    ::_exit(3);
  }
  ::_exit(0);
}

// In a child process: starts many times what the submission queue holds, while it cannot be emptied, and cancels every tenth; exits
// with 0 if each has ended as it should.
[[noreturn]] void start_more_than_fits() {
  constexpr std::size_t count = 1'000;
  auto [idle, writer] = make_pipe();
  uring::uring_engine e(0);
  forbid_plain_submission();
  std::deque<detail::operation> polls;
  const auto is_cancelled = [](std::size_t i) { return i % 10 == 0; };
  for (std::size_t i = 0; i < count; ++i) {
    detail::operation& op =
        polls.emplace_back(detail::opcode::poll, is_cancelled(i) ? idle.native_handle() : writer.native_handle());
    op.flags = is_cancelled(i) ? POLLIN : POLLOUT;
    op.prepare({}, e);
    e.start(op);
  }
  for (std::size_t i = 0; i < count; i += 10) e.request_cancel(polls[i]);
  while (e.busy()) e.poll();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!polls[i].is_finished() || polls[i].result != (is_cancelled(i) ? -ECANCELED : POLLOUT)) ++wrong;
  }
  std::fprintf(stderr, "%zu ended wrongly\n", wrong);
  ::_exit(wrong == 0 ? 0 : 1);
}

class ring_failure_test : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(ring_failure_test, a_filter_that_forbids_rings_is_named_with_its_remedy) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_setup, EPERM);
        start_and_tell();
      },
      testing::ExitedWithCode(3),
      "errno 1: weft: worker [0-9]+ cannot have an io_uring. .*seccomp.*Operation not permitted");
}

TEST_F(ring_failure_test, a_filter_that_hides_rings_is_named_with_its_remedy) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_setup, ENOSYS);
        start_and_tell();
      },
      testing::ExitedWithCode(3), "errno 38: .*The kernel has none, or a seccomp filter hides it; use Linux");
}

// Some filters let rings be made and forbid to use them: only the round trip finds out.
TEST_F(ring_failure_test, a_ring_that_cannot_be_entered_is_noticed_at_the_start) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_enter, EPERM);
        start_and_tell();
      },
      testing::ExitedWithCode(3), "errno 1: .*cannot have an io_uring");
}

TEST_F(ring_failure_test, a_ring_works_without_registering) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_register, EPERM);
        start_and_tell();
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(ring_failure_test, without_descriptors_left_the_limit_is_named) {
  for (const unsigned call : {unsigned{SYS_io_uring_setup}, unsigned{SYS_eventfd2}}) {
    EXPECT_EXIT(
        {
          forbid(call, EMFILE);
          start_and_tell();
        },
        testing::ExitedWithCode(3), "errno 24: .*raise RLIMIT_NOFILE");
  }
}

TEST_F(ring_failure_test, smaller_rings_are_tried_before_memory_is_called_short) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_setup, ENOMEM);
        start_and_tell();
      },
      testing::ExitedWithCode(3), "errno 12: .*Even a small one .*RLIMIT_MEMLOCK");
}

TEST_F(ring_failure_test, a_kernel_that_knows_none_of_the_flags_is_too_old) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_setup, EINVAL);
        start_and_tell();
      },
      testing::ExitedWithCode(3), "errno 22: .*too old; use Linux 5.13");
}

TEST_F(ring_failure_test, operations_queue_while_the_kernel_takes_none) {
  EXPECT_EXIT(start_more_than_fits(), testing::ExitedWithCode(0), "0 ended wrongly");
}

TEST(ring_failure, each_cause_has_its_remedy) {
  using uring::explain_failure;
  EXPECT_EQ(explain_failure(3, EPERM, 2),
            "weft: worker 3 cannot have an io_uring. The setting kernel.io_uring_disabled is 2; allow it with: sysctl "
            "kernel.io_uring_disabled=0");
  EXPECT_NE(explain_failure(0, EPERM, 0).find("seccomp=unconfined"), std::string::npos);
  EXPECT_NE(explain_failure(0, EPERM, -1).find("seccomp"), std::string::npos);
  EXPECT_NE(explain_failure(0, ENOMEM, 0).find("RLIMIT_MEMLOCK"), std::string::npos);
  EXPECT_NE(explain_failure(0, EMFILE, 0).find("RLIMIT_NOFILE"), std::string::npos);
  EXPECT_NE(explain_failure(0, ENFILE, 0).find("fs.file-max"), std::string::npos);
  EXPECT_NE(explain_failure(0, EINVAL, 0).find("too old"), std::string::npos);
}

}  // namespace
}  // namespace weft::io::test
