// What the kernel says seldom: the functions by which a ring enters it are replaced while linking (--wrap), so that a cancellation can be kept from it and
// answered here.
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include <weft/io/detail/operation.hpp>
#include <weft/io/uring/uring_engine.hpp>

#include "terminal_pair.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;

// Whether and how cancellations are answered in the kernel's stead. Used by one thread.
struct interposer {
  int answer = 0;    // a negative errno
  int times = 0;     // left to give it
  int withheld = 0;  // cancellations that did not reach the kernel
  int passed = 0;    // and those that did
  std::uint64_t pending = 0;

  void before(io_uring& ring) {
    for (unsigned i = ring.sq.sqe_head; i != ring.sq.sqe_tail; ++i) {
      io_uring_sqe& entry = ring.sq.sqes[i & ring.sq.ring_mask];
      if (entry.opcode != IORING_OP_ASYNC_CANCEL) continue;
      if (times == 0) {
        ++passed;
        continue;
      }
      --times;
      ++withheld;
      pending = entry.user_data;
      io_uring_prep_nop(&entry);
      entry.user_data = pending;
    }
  }

  void after(io_uring& ring) {
    if (pending == 0) return;
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring, head, completion) {
      if (completion->user_data != pending) continue;
      completion->res = answer;
      pending = 0;
      return;
    }
  }
};
interposer between;

}  // namespace
}  // namespace weft::io::test

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
int __real_io_uring_submit(io_uring* ring);
int __real_io_uring_submit_and_get_events(io_uring* ring);
int __real_io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned count,
                                            __kernel_timespec* limit, sigset_t* mask);

int __wrap_io_uring_submit(io_uring* ring) {
  weft::io::test::between.before(*ring);
  const int result = __real_io_uring_submit(ring);
  weft::io::test::between.after(*ring);
  return result;
}

int __wrap_io_uring_submit_and_get_events(io_uring* ring) {
  weft::io::test::between.before(*ring);
  const int result = __real_io_uring_submit_and_get_events(ring);
  weft::io::test::between.after(*ring);
  return result;
}

int __wrap_io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned count,
                                            __kernel_timespec* limit, sigset_t* mask) {
  weft::io::test::between.before(*ring);
  const int result = __real_io_uring_submit_and_wait_timeout(ring, first, count, limit, mask);
  weft::io::test::between.after(*ring);
  return result;
}
}
// NOLINTEND(bugprone-reserved-identifier)

namespace weft::io::test {
namespace {

class interposed_ring_test : public testing::TestWithParam<int> {};

// EALREADY: a thread of the kernel's was interrupted, but went on to wait for readiness. ENOENT: the operation was between two of the kernel's lists.
TEST_P(interposed_ring_test, a_cancelled_reader_is_asked_again_until_the_kernel_has_cancelled_it) {
  constexpr int times = 5;
  const terminal_pair terminal;  // that nobody types on
  uring::uring_engine engine(0);
  between = {.answer = GetParam(), .times = times};
  std::array<char, 16> buffer{};
  iovec into{buffer.data(), buffer.size()};
  detail::operation read(detail::opcode::read, terminal.fd());
  read.data = &into;
  read.size = 1;
  read.prepare({}, engine);
  engine.start(read);
  engine.poll();
  ASSERT_FALSE(read.is_finished());
  engine.request_cancel(read);
  const auto patience = std::chrono::steady_clock::now() + 30s;
  while (!read.is_finished() && std::chrono::steady_clock::now() < patience) engine.wait(patience);
  ASSERT_TRUE(read.is_finished()) << "asked " << between.withheld << " times";
  EXPECT_EQ(read.result, -ECANCELED);
  EXPECT_EQ(between.withheld, times);
  EXPECT_EQ(between.passed, 1);
  EXPECT_FALSE(engine.busy());
}

// What has completed was too late to cancel, and nobody asks any more.
TEST_P(interposed_ring_test, an_operation_that_ends_by_itself_is_settled_by_the_answer) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  uring::uring_engine engine(0);
  between = {.answer = GetParam(), .times = 1'000'000};
  detail::operation readable(detail::opcode::poll, pipe[0]);
  readable.flags = POLLIN;
  readable.prepare({}, engine);
  engine.start(readable);
  engine.poll();
  engine.request_cancel(readable);
  engine.poll();
  ASSERT_FALSE(readable.is_finished());
  ASSERT_EQ(::write(pipe[1], "x", 1), 1);
  const auto patience = std::chrono::steady_clock::now() + 30s;
  while (!readable.is_finished() && std::chrono::steady_clock::now() < patience) engine.wait(patience);
  ASSERT_TRUE(readable.is_finished());
  EXPECT_EQ(readable.result, POLLIN);
  EXPECT_FALSE(engine.busy());
  between = {};
  ::close(pipe[0]);
  ::close(pipe[1]);
}

INSTANTIATE_TEST_SUITE_P(answered_by, interposed_ring_test, testing::Values(-EALREADY, -ENOENT),
                         [](const auto& answer) { return answer.param == -EALREADY ? "EALREADY" : "ENOENT"; });

}  // namespace
}  // namespace weft::io::test
