#include <weft/io/uring/uring_engine.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <utility>

namespace weft::io::uring {

using detail::opcode;
using detail::operation;

namespace {

// What a completion belongs to: the address of its operation, the same with cancel_bit for the cancellation of that operation, or
// one of the two words below, which are no addresses.
constexpr std::uint64_t cancel_bit = 1;
constexpr std::uint64_t watch_tag = 2;
constexpr std::uint64_t ignored_tag = 4;
static_assert(alignof(operation) >= 8);

// Completions are posted 20 at a time; others get their turn after this many rounds.
constexpr int most_rounds = 64;
// From so many completions at once on, sends join each other in one system call. Measured with hundreds of connections; where exactly it begins to
// pay was not.
constexpr std::uint64_t crowd = 8;
// How long to sleep when the kernel is short of memory and not all could be submitted.
constexpr std::chrono::milliseconds short_sleep{1};

constexpr std::chrono::milliseconds most_patience{64};
constexpr std::chrono::seconds patience_at_end{1};
// A signal takes some 15 us to be handled where its thread runs.
constexpr std::chrono::microseconds patience_with_owner{100};

// The handler of a signal must not queue or submit while it is set. Nests.
class queueing_section {
 public:
  explicit queueing_section(std::atomic<bool>& flag) noexcept
      : flag_(flag), outermost_(!flag.load(std::memory_order_relaxed)) {
    flag_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~queueing_section() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (outermost_) flag_.store(false, std::memory_order_relaxed);
  }
  queueing_section(const queueing_section&) = delete;
  queueing_section& operator=(const queueing_section&) = delete;

 private:
  std::atomic<bool>& flag_;
  const bool outermost_;
};

// Read in the handler of a signal.
thread_local uring_engine* engine_of_thread = nullptr;

std::uint64_t tag_of(const operation& op) noexcept { return reinterpret_cast<std::uintptr_t>(&op); }
operation& operation_of(std::uint64_t tag) noexcept {
  return *reinterpret_cast<operation*>(static_cast<std::uintptr_t>(tag & ~cancel_bit));
}

void fill_transfer(io_uring_sqe* e, const operation& op) noexcept {
  const auto offset = static_cast<std::uint64_t>(op.offset);
  const auto* vectors = static_cast<const iovec*>(op.data);
  if (op.size != 1) {
    op.code == opcode::read ? io_uring_prep_readv(e, op.fd, vectors, op.size, offset)
                            : io_uring_prep_writev(e, op.fd, vectors, op.size, offset);
    return;
  }
  const auto length = static_cast<unsigned>(std::min<std::size_t>(vectors->iov_len, 1U << 30));
  op.code == opcode::read ? io_uring_prep_read(e, op.fd, vectors->iov_base, length, offset)
                          : io_uring_prep_write(e, op.fd, vectors->iov_base, length, offset);
}

void fill(io_uring_sqe* e, const operation& op, bool can_poll_first) noexcept {
  const auto flags = static_cast<int>(op.flags);
  switch (op.code) {
    case opcode::read:
    case opcode::write:
      fill_transfer(e, op);
      break;
    case opcode::receive:
      io_uring_prep_recv(e, op.fd, op.data, op.size, flags);
      break;
    case opcode::send:
      io_uring_prep_send(e, op.fd, op.data, op.size, flags);
      break;
    case opcode::accept:
      io_uring_prep_accept(e, op.fd, nullptr, nullptr, flags);
      break;
    case opcode::connect:
      io_uring_prep_connect(e, op.fd, static_cast<const sockaddr*>(op.data), op.size);
      break;
    case opcode::poll:
      io_uring_prep_poll_add(e, op.fd, op.flags);
      break;
    case opcode::sync:
      io_uring_prep_fsync(e, op.fd, op.flags != 0 ? IORING_FSYNC_DATASYNC : 0U);
      break;
    case opcode::open:
      io_uring_prep_openat(e, op.fd, static_cast<const char*>(op.data), flags, op.size);
      break;
  }
  if (op.expected_to_wait && can_poll_first) e->ioprio |= IORING_RECVSEND_POLL_FIRST;
  if (op.needs_thread) e->flags |= IOSQE_ASYNC;
}

int make_event_fd(unsigned worker) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), explain_failure(worker, errno, -1));
  return fd;
}

}  // namespace

std::unique_ptr<driver> make_engine(unsigned worker) { return std::make_unique<uring_engine>(worker); }

uring_engine::uring_engine(unsigned worker) : ring_(worker), event_fd_(make_event_fd(worker)) {
  engine_of_thread = this;
}

uring_engine::~uring_engine() {
  if (engine_of_thread == this) engine_of_thread = nullptr;
  end_everything();
  ::close(event_fd_);
}

// ---------------------------------------------------------------------------------------------------- starting

// The counter is what the thread that rescues goes by: what was done to an operation before it was started, that thread sees.
void uring_engine::start(operation& op) noexcept {
  const queueing_section section(queueing_);
  unsubmitted_.store(true, std::memory_order_relaxed);
  if (backlog_first_ != nullptr || !submit(op)) [[unlikely]] {
    op.next = nullptr;
    (backlog_first_ != nullptr ? backlog_last_->next : backlog_first_) = &op;
    backlog_last_ = &op;
  }
  started_.store(started_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

bool uring_engine::submit(operation& op) noexcept {
  io_uring_sqe* e = ring_.entry();
  if (e == nullptr) return false;
  fill(e, op, ring_.can_poll_first());
  e->user_data = tag_of(op);
  ++asked_;
  return true;
}

void uring_engine::cancel(operation& op) noexcept {
  const queueing_section section(queueing_);
  unsubmitted_.store(true, std::memory_order_relaxed);
  if (!take_from_backlog(op)) return queue_cancel(op);
  complete(op, -ECANCELED);
  settle_cancel(op);
}

void uring_engine::queue_cancel(operation& op) noexcept {
  io_uring_sqe* e = ring_.entry();
  if (e == nullptr) {
    op.next_cancel = std::exchange(late_cancels_, &op);
    return;
  }
  io_uring_prep_cancel64(e, tag_of(op), 0);
  e->user_data = tag_of(op) | cancel_bit;
  ++asked_;
}

bool uring_engine::take_from_backlog(operation& op) noexcept {
  operation* before = nullptr;
  for (operation* o = backlog_first_; o != nullptr; before = o, o = o->next) {
    if (o != &op) continue;
    (before != nullptr ? before->next : backlog_first_) = o->next;
    if (backlog_last_ == o) backlog_last_ = before;
    return true;
  }
  return false;
}

// True if that ended anybody's wait.
bool uring_engine::work_off_backlog() noexcept {
  while (backlog_first_ != nullptr && submit(*backlog_first_)) backlog_first_ = backlog_first_->next;
  const bool any = settle_late_cancels();
  queue_cancels(late_cancels_);
  if (to_cancel_again_ != nullptr && time_point::clock::now() >= cancel_again_at_) queue_cancels(to_cancel_again_);
  return any;
}

void uring_engine::queue_cancels(operation*& list) noexcept {
  for (operation* op = std::exchange(list, nullptr); op != nullptr;) {
    operation* next = op->next_cancel;
    queue_cancel(*op);
    op = next;
  }
}

// ---------------------------------------------------------------------------------------------------- waiting

bool uring_engine::poll() noexcept {
  const std::lock_guard reaping(reaping_);
  const queueing_section section(queueing_);
  bool cancelled_any = take_cancel_requests();
  cancelled_any |= work_off_backlog();
  unsubmitted_.store(false, std::memory_order_relaxed);
  if (ring_.wants_enter()) ring_.enter();
  return reap_all() || cancelled_any;
}

void uring_engine::wait(time_point until) noexcept {
  const std::lock_guard reaping(reaping_);
  const queueing_section section(queueing_);
  bool may_sleep = !work_off_backlog();
  watch_for_interrupts();
  if (!watching_ || backlog_first_ != nullptr || late_cancels_ != nullptr) {
    until = std::min(until, time_point::clock::now() + short_sleep);
  }
  if (to_cancel_again_ != nullptr) until = std::min(until, cancel_again_at_);
  rest expected = rest::awake;
  if (!rest_.compare_exchange_strong(expected, rest::asleep, std::memory_order_seq_cst)) may_sleep = false;
  // Those who asked before we were seen to sleep do not wake us; and what this ends may be a wait of a fiber of our own.
  if (take_cancel_requests()) may_sleep = false;
  unsubmitted_.store(false, std::memory_order_relaxed);
  may_sleep ? ring_.enter_and_wait(until) : ring_.enter();
  rest_.store(rest::awake, std::memory_order_seq_cst);
  reap_all();
}

void uring_engine::interrupt() noexcept {
  if (rest_.exchange(rest::interrupted, std::memory_order_seq_cst) != rest::asleep) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd_, &one, sizeof one);
}

// Each write to the eventfd gives one completion, without anybody reading it.
void uring_engine::watch_for_interrupts() noexcept {
  if (watching_) [[likely]]
    return;
  io_uring_sqe* e = ring_.entry();
  if (e == nullptr) return;
  io_uring_prep_poll_multishot(e, event_fd_, POLLIN);
  e->user_data = watch_tag;
  watching_ = true;
}

// ---------------------------------------------------------------------------------------------------- reaping

bool uring_engine::reap() noexcept {
  return ring_.reap([this](std::uint64_t tag, int result, unsigned flags) { handle(tag, result, flags); });
}

bool uring_engine::reap_all() noexcept {
  const std::uint64_t before = reaped_.load(std::memory_order_relaxed);
  bool any = reap();
  for (int round = 0; round < most_rounds && ring_.has_deferred_completions(); ++round) {
    ring_.enter();
    any |= reap();
  }
  if (any) set_crowded(reaped_.load(std::memory_order_relaxed) - before >= crowd);
  return any;
}

void uring_engine::handle(std::uint64_t tag, int result, unsigned flags) noexcept {
  if (tag == ignored_tag) return;
  if (tag == watch_tag) {
    if ((flags & IORING_CQE_F_MORE) == 0) watching_ = false;
    return;
  }
  reaped_.store(reaped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (ending_) return;  // whoever waited is gone
  if ((tag & cancel_bit) != 0) {
    handle_cancel(operation_of(tag), result);
  } else {
    complete(operation_of(tag), result);
  }
}

// ENOENT: it has completed, or was on its way from one of the kernel's lists to another: then once more. EALREADY: a thread of the kernel's has it and was
// interrupted, but may be about to put it among those that wait to be ready, where the interruption is forgotten: once more after a while, if it goes on.
void uring_engine::handle_cancel(operation& op, int result) noexcept {
  if (op.completed || (result != -ENOENT && result != -EALREADY)) {
    cancel_patience_ = first_patience;
    return settle_cancel(op);
  }
  if (result == -EALREADY) {
    cancel_again_at_ = time_point::clock::now() + cancel_patience_;
    cancel_patience_ = std::min(2 * cancel_patience_, most_patience);
  } else {
    cancel_again_at_ = {};
  }
  op.next_cancel = std::exchange(to_cancel_again_, &op);
}

// On the owner's thread, at any instruction of its.
void uring_engine::serve_in_handler(const ucontext_t& /*interrupted*/) {
  uring_engine* e = engine_of_thread;
  if (e == nullptr) return;
  if (!e->queueing_.load(std::memory_order_relaxed)) e->submit_in_handler();
  e->ring_.post_in_handler(most_rounds);
}

// Nobody may be woken here: what has completed since its cancellation was asked for is left to who rescues.
void uring_engine::submit_in_handler() noexcept {
  if (backlog_first_ == nullptr && has_cancel_requests() && reaping_.try_lock()) {
    take_cancel_requests([this](operation& op) {
      if (op.completed) {
        op.next_cancel = std::exchange(to_cancel_again_, &op);
      } else {
        queue_cancel(op);
        unsubmitted_.store(true, std::memory_order_relaxed);
      }
    });
    reaping_.unlock();
  }
  if (!unsubmitted_.load(std::memory_order_relaxed)) return;
  unsubmitted_.store(false, std::memory_order_relaxed);
  ring_.submit();
}

const thread_interrupt& uring_engine::rescue_request() noexcept {
  static const thread_interrupt interrupt(&serve_in_handler);
  return interrupt;
}

// Of the operations whose cancellation found nothing to cancel those that have completed. True if there was one.
bool uring_engine::settle_late_cancels() noexcept {
  bool any = false;
  for (operation** at = &to_cancel_again_; *at != nullptr;) {
    operation* op = *at;
    if (!op->completed) {
      at = &op->next_cancel;
      continue;
    }
    *at = op->next_cancel;
    cancel_patience_ = first_patience;
    settle_cancel(*op);
    any = true;
  }
  return any;
}

// If the owner gets no CPU it answers later, and the next rescue reaps.
bool uring_engine::rescue(pid_t owner) noexcept {
  const auto needs_owner = [this] {
    return ring_.has_deferred_completions() || unsubmitted_.load(std::memory_order_relaxed) || has_cancel_requests();
  };
  if (needs_owner() && rescue_request().send_unnoticed(owner)) {
    const time_point limit = time_point::clock::now() + patience_with_owner;
    while (needs_owner() && time_point::clock::now() < limit) spin_hint();
  }
  if (!reaping_.try_lock()) return false;
  bool any = ring_.reap([this](std::uint64_t tag, int result, unsigned flags) {
    static_cast<void>(started_.load(std::memory_order_acquire));
    handle(tag, result, flags);
  });
  any |= settle_late_cancels();
  reaping_.unlock();
  return any;
}

// A ring closed with operations in flight lives on in the kernel for a while, and with it what they hold: a port, a pipe's end.
void uring_engine::end_everything() noexcept {
  ending_ = true;
  const auto end = [this](std::uint64_t tag, int which) {
    io_uring_sqe* e = ring_.entry();
    if (e == nullptr) return;
    io_uring_prep_cancel64(e, tag, which);
    e->user_data = ignored_tag;
  };
  if (watching_) end(watch_tag, 0);
  if (expected() != 0) end(0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  const time_point limit = time_point::clock::now() + patience_at_end;
  while ((watching_ || expected() != 0) && time_point::clock::now() < limit) {
    ring_.enter_and_wait(limit);
    reap_all();
  }
}

}  // namespace weft::io::uring
