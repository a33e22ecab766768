#include <weft/io/uring/ring.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

namespace weft::io::uring {

namespace {

constexpr unsigned submission_entries = 256;
constexpr unsigned completions_per_submission = 16;  // the queue overflows into slower kernel memory beyond this
constexpr unsigned fewest_entries = 8;

constexpr unsigned basic_flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
// Newest first: what an older kernel rejects is left out, one after another.
constexpr std::array optional_flags{
    static_cast<unsigned>(IORING_SETUP_DEFER_TASKRUN),                             // 6.1
    static_cast<unsigned>(IORING_SETUP_SINGLE_ISSUER),                             // 6.0
    static_cast<unsigned>(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG),  // 5.19
    static_cast<unsigned>(IORING_SETUP_SUBMIT_ALL),                                // 5.18
};
// What waits, completions and polls rely on; RSRC_TAGS came with the kernel (5.13) that has lasting polls.
constexpr unsigned required_features =
    IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS;

constexpr std::uint64_t proof = 0x77656674;  // marks the test operation

// -1 also where it has nothing to do with the error.
int disabled_setting(int error) {
  if (error != EPERM && error != EACCES) return -1;
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  if (!(file >> value)) return -1;
  return value;
}

[[noreturn]] void fail(unsigned worker, int error) {
  throw std::system_error(error, std::generic_category(), explain_failure(worker, error, disabled_setting(error)));
}

// Rings come and go on different threads, and the kernel may give one the addresses of another. liburing maps and unmaps them by
// system calls of its own, which ThreadSanitizer does not see; this is what tells it that the one came after the other.
std::atomic<unsigned> rings_gone{0};

bool is_passing(int error) noexcept {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ETIME || error == ENOMEM;
}

__kernel_timespec time_left(ring::time_point until) noexcept {
  using namespace std::chrono;
  const auto left = std::max(until - ring::time_point::clock::now(), nanoseconds(0));
  return {.tv_sec = left / seconds(1), .tv_nsec = static_cast<long long>((left % seconds(1)) / nanoseconds(1))};
}

}  // namespace

std::string explain_failure(unsigned worker, int error, int setting) {
  const std::string what = "weft: worker " + std::to_string(worker) + " cannot have an io_uring. ";
  switch (error) {
    case EPERM:
    case EACCES:
      if (setting > 0) {
        return what + "The setting kernel.io_uring_disabled is " + std::to_string(setting) +
               "; allow it with: sysctl kernel.io_uring_disabled=0";
      }
      return what +
             "A seccomp filter forbids it, as Docker's default profile does; start the container with a profile that "
             "allows "
             "io_uring_setup, io_uring_enter and io_uring_register, or with --security-opt seccomp=unconfined";
    case ENOSYS:
      return what +
             "The kernel has none, or a seccomp filter hides it; use Linux 5.13 or newer, and a container profile that "
             "allows "
             "io_uring_setup, io_uring_enter and io_uring_register";
    case ENOMEM:
      return what +
             "Even a small one exceeds the limit of locked memory or of the cgroup; raise RLIMIT_MEMLOCK (ulimit -l) "
             "or the "
             "memory limit, or use fewer workers";
    case EMFILE:
      return what + "The process has no descriptor left; raise RLIMIT_NOFILE (ulimit -n)";
    case ENFILE:
      return what + "The system has no descriptor left; raise fs.file-max";
    case EINVAL:
    case EOPNOTSUPP:
      return what + "This kernel's io_uring is too old; use Linux 5.13 or newer";
    default:
      return what + "The kernel refuses for a reason of its own";
  }
}

ring::ring(unsigned worker) {
  set_up(worker);
  try {
    verify(worker);
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
}

ring::~ring() {
  rings_gone.fetch_add(1, std::memory_order_release);
  io_uring_queue_exit(&ring_);
}

void ring::set_up(unsigned worker) {
  unsigned flags = basic_flags;
  for (unsigned option : optional_flags) flags |= option;
  int error = try_sizes(flags);
  for (unsigned option : optional_flags) {
    if (error != EINVAL) break;
    flags &= ~option;
    error = try_sizes(flags);
  }
  if (error != 0) fail(worker, error);
  static_cast<void>(rings_gone.load(std::memory_order_acquire));
  flags_ = flags;
}

// Locked memory may be scarce for others than root: half the size, until it fits.
int ring::try_sizes(unsigned flags) noexcept {
  int result = -ENOMEM;
  for (unsigned entries = submission_entries; entries >= fewest_entries && result == -ENOMEM; entries /= 2) {
    io_uring_params parameters{};
    parameters.flags = flags;
    parameters.cq_entries = entries * completions_per_submission;
    result = io_uring_queue_init_params(entries, &ring_, &parameters);
  }
  return -result;
}

// Only a round trip shows that a filter does not forbid half of it.
void ring::verify(unsigned worker) {
  if ((ring_.features & required_features) != required_features) fail(worker, EINVAL);
  io_uring_ring_dontfork(&ring_);
  io_uring_register_ring_fd(&ring_);  // a faster way to name the ring; works without
  io_uring_sqe* e = io_uring_get_sqe(&ring_);
  io_uring_prep_nop(e);
  e->user_data = proof;
  const int submitted = io_uring_submit_and_wait(&ring_, 1);
  if (submitted < 0) fail(worker, -submitted);
  int result = -EINVAL;
  reap([&](std::uint64_t data, int r, unsigned) {
    if (data == proof) result = r;
  });
  if (result < 0) fail(worker, -result);
}

io_uring_sqe* ring::entry() noexcept {
  io_uring_sqe* e = io_uring_get_sqe(&ring_);
  if (e != nullptr) [[likely]]
    return e;
  const int result = io_uring_submit(&ring_);
  if (result < 0) tell_unexpected("submit", -result);
  return io_uring_get_sqe(&ring_);
}

bool ring::has_deferred_completions() const noexcept {
  return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool ring::wants_enter() const noexcept { return io_uring_sq_ready(&ring_) != 0 || has_deferred_completions(); }

void ring::enter() noexcept {
  const int result = io_uring_submit_and_get_events(&ring_);
  if (result < 0) tell_unexpected("get events", -result);
}

void ring::post_in_handler(int most_rounds) const noexcept {
  for (int round = 0; round < most_rounds && has_deferred_completions(); ++round) {
    if (::syscall(SYS_io_uring_enter, ring_.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) return;
  }
}

void ring::enter_and_wait(time_point until) noexcept {
  io_uring_cqe* first = nullptr;
  int result = 0;
  if (until == time_point::max()) {
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, nullptr, nullptr);
  } else {
    __kernel_timespec left = time_left(until);
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &left, nullptr);
  }
  if (result < 0) tell_unexpected("wait", -result);
}

// A ring that stops working leaves every fiber on it waiting for ever: better to end with a word about why.
void ring::tell_unexpected(const char* call, int error) const noexcept {
  if (is_passing(error)) return;
  std::fprintf(stderr, "weft: io_uring_enter (%s) failed unexpectedly: %s. The worker's I/O cannot go on.\n", call,
               std::strerror(error));
  std::abort();
}

}  // namespace weft::io::uring
