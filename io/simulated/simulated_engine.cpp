#include <weft/io/simulated/simulated_engine.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <weft/io/detail/system_calls.hpp>
#include <weft/io/epoll/attempt.hpp>
#include <weft/io/epoll/helper_call.hpp>

namespace weft::io::simulated {

using detail::fault;
using detail::faulty_call;
using detail::opcode;
using detail::operation;
using testing::fault_counts;

namespace {

const char* name_of(opcode code) noexcept {
  switch (code) {
    case opcode::read:
      return "read";
    case opcode::write:
      return "write";
    case opcode::receive:
      return "receive";
    case opcode::send:
      return "send";
    case opcode::accept:
      return "accept";
    case opcode::connect:
      return "connect";
    case opcode::poll:
      return "poll";
    case opcode::sync:
      return "sync";
    case opcode::open:
      return "open";
  }
  return "";
}

// Nothing tells when the queue of a Unix listener has room.
constexpr std::chrono::milliseconds pause_of_connecting{1};

bool is_file_call(opcode code) noexcept { return code == opcode::open || code == opcode::sync; }

[[gnu::noinline]] bool is_named_pipe(const char* path) noexcept {
  struct stat status{};
  return ::stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

int option_of(int fd, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool is_stream_socket(int fd) noexcept { return option_of(fd, SO_TYPE) == SOCK_STREAM; }

// Ends a connection for both sides. Disconnecting a TCP socket resets it; others just end.
[[gnu::noinline]] void reset(int fd) noexcept {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  const int domain = option_of(fd, SO_DOMAIN);
  const bool internet = domain == AF_INET || domain == AF_INET6;
  if (!internet || ::connect(fd, &nowhere, sizeof nowhere) != 0) ::shutdown(fd, SHUT_RDWR);
}

[[gnu::noinline]] int make_event_fd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "weft::testing: no eventfd for a simulation");
  return fd;
}

}  // namespace

simulated_engine::simulated_engine(decisions& by, simulated_engine*& self)
    : by_(by), self_(self), wake_fd_(make_event_fd()) {
  self_ = this;
  detail::set_fault_source(this);
}

simulated_engine::~simulated_engine() {
  detail::set_fault_source(nullptr);
  self_ = nullptr;
  detail::close_now(wake_fd_);
}

// ---------------------------------------------------------------------------------------------------- starting and cancelling

void simulated_engine::start(operation& op) noexcept {
  started_.store(started_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  by_.note(&fault_counts::operations);
  pending_.push_back({.op = &op, .events = 0, .known = {}, .due = {}, .end_due = {}});
  entry& e = pending_.back();
  if (op.code == opcode::connect && by_.happens(by_.wanted().refusals, &fault_counts::refusals)) {
    e.known = by_.one_of({ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH});
  } else if (op.code == opcode::connect) {
    const std::int64_t result = detail::connect_now(op.fd, static_cast<const sockaddr*>(op.data), op.size);
    if (result != -EINPROGRESS && result != -EAGAIN) e.known = result;
  } else if (op.code == opcode::accept) {
    if (const std::int64_t error = detail::check_listening(op.fd); error != 0) e.known = error;
    if (op.may_set_nonblocking) detail::set_nonblocking(op.fd);
  }
  if (e.known || is_file_call(op.code)) become_due(e);
}

// Until it is due the operation may still succeed.
void simulated_engine::cancel(operation& op) noexcept {
  const auto e = std::ranges::find(pending_, &op, &entry::op);
  e->end_due = testing::now() + by_.delay();
}

// ---------------------------------------------------------------------------------------------------- what is ready

void simulated_engine::become_due(entry& e) noexcept { e.due = testing::now() + by_.delay(); }

// True if anything has become due.
bool simulated_engine::look() noexcept { return wait_for_descriptors({}); }

// In real time.
bool simulated_engine::wait_for_descriptors(time_point until) noexcept {
  looked_at_.clear();
  looked_at_.push_back({.fd = wake_fd_, .events = POLLIN, .revents = 0});
  for (const entry& e : pending_) {
    if (e.waits())
      looked_at_.push_back({.fd = e.op->fd, .events = static_cast<short>(epoll::events_for(*e.op)), .revents = 0});
  }
  if (looked_at_.size() == 1 && until == time_point{}) return false;
  const auto left = until == time_point::max()
                        ? std::chrono::nanoseconds(-1)
                        : std::max<std::chrono::nanoseconds>(until - std::max(time_point::clock::now(), time_point{}),
                                                             std::chrono::nanoseconds(0));
  if (detail::poll_blocking(looked_at_, until == time_point{} ? std::chrono::nanoseconds(0) : left) <= 0) return false;
  if (looked_at_[0].revents != 0) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_fd_, &ignored, sizeof ignored);
  }
  bool any = looked_at_[0].revents != 0;
  auto seen = looked_at_.begin() + 1;
  for (entry& e : pending_) {
    if (!e.waits()) continue;
    const pollfd& p = *seen++;
    if (p.revents == 0) continue;
    e.events = static_cast<std::uint16_t>(p.revents);
    if ((p.revents & POLLNVAL) != 0) e.known = -EBADF;
    become_due(e);
    any = true;
  }
  return any;
}

simulated_engine::time_point simulated_engine::first_due() const noexcept {
  time_point first = time_point::max();
  for (const entry& e : pending_) {
    if (e.due && !e.op->completed) first = std::min(first, *e.due);
    if (e.end_due) first = std::min(first, *e.end_due);
  }
  return first;
}

simulated_engine::time_point simulated_engine::soonest() noexcept {
  take_cancel_requests();
  look();
  return first_due();
}

simulated_engine::time_point simulated_engine::next_event(bool timed) noexcept {
  if (const time_point due = soonest(); due != time_point::max()) return due;
  if (pending_.empty()) return time_point::max();
  const auto patience = timed ? by_.wanted().patience : by_.wanted().silence;
  if (patience.count() <= 0) return time_point::max();
  // An interrupt counts, too: whoever interrupts has something for the run.
  return wait_for_descriptors(time_point::clock::now() + patience) ? std::min(first_due(), testing::now())
                                                                   : time_point::max();
}

bool simulated_engine::poll() noexcept {
  const bool any = take_cancel_requests();
  look();
  return deliver(testing::now()) || any;
}

void simulated_engine::wait(time_point until) noexcept {
  take_cancel_requests();
  if (first_due() > testing::now()) wait_for_descriptors(until);
  deliver(testing::now());
}

void simulated_engine::interrupt() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

// ---------------------------------------------------------------------------------------------------- what is due

// A few of those that are due, so that others get their turn between them.
bool simulated_engine::deliver(time_point now) noexcept {
  bool any = false;
  while (const auto index = choose_due(now)) {
    any = true;
    take_turn(*index, now);
    if (by_.below(3) == 0) break;
  }
  return any;
}

std::optional<std::size_t> simulated_engine::choose_due(time_point now) noexcept {
  due_.clear();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const entry& e = pending_[i];
    if ((e.due && !e.op->completed && *e.due <= now) || (e.end_due && *e.end_due <= now)) due_.push_back(i);
  }
  if (due_.empty()) return {};
  return due_[by_.below(due_.size())];
}

void simulated_engine::take_turn(std::size_t index, time_point now) noexcept {
  entry& e = pending_[index];
  const bool may_end = e.end_due && *e.end_due <= now;
  const bool may_do = e.due && !e.op->completed && *e.due <= now;
  if (may_end && (!may_do || by_.below(2) == 0)) return end_early(index);
  const std::int64_t result = perform(e);
  if (result == -EAGAIN) {
    e.due.reset();
    if (e.op->code == opcode::connect) e.due = now + pause_of_connecting;
    return;
  }
  operation& op = *e.op;
  by_.print(name_of(op.code), op.fd, result);
  if (!e.end_due) forget(index);
  complete(op, result);
}

void simulated_engine::end_early(std::size_t index) noexcept {
  operation& op = *pending_[index].op;
  forget(index);
  by_.note(op.completed ? &fault_counts::cancellations_lost : &fault_counts::cancellations_won);
  by_.print(op.completed ? "cancelled too late" : "cancelled", op.fd, op.result);
  if (!op.completed) complete(op, -ECANCELED);
  settle_cancel(op);
}

void simulated_engine::forget(std::size_t index) noexcept {
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
}

// ---------------------------------------------------------------------------------------------------- doing it

std::int64_t simulated_engine::perform(entry& e) noexcept {
  if (e.known) return *e.known;
  // As signals and the restarting of calls end them.
  if (by_.happens(by_.wanted().interruptions, &fault_counts::interruptions)) return by_.one_of({EINTR, ECANCELED, 512});
  performing_ = true;
  const std::int64_t result = call(e);
  performing_ = false;
  return result;
}

std::int64_t simulated_engine::call(entry& e) noexcept {
  switch (e.op->code) {
    case opcode::open:
      return open(e);
    case opcode::accept:
      return accept(e);
    case opcode::sync:
      if (by_.happens(by_.wanted().broken, &fault_counts::broken)) return -EIO;
      return detail::sync_blocking(e.op->fd, e.op->flags != 0);
    case opcode::connect: {
      const auto* where = static_cast<const sockaddr*>(e.op->data);
      // The queue of a Unix listener was full.
      return where->sa_family == AF_UNIX ? detail::connect_now(e.op->fd, where, e.op->size)
                                         : detail::socket_error(e.op->fd);
    }
    default:
      break;
  }
  const std::int64_t result = epoll::attempt(*e.op, e.events);
  if (result != epoll::must_block) return result;
  epoll::helper_call blocking(*e.op, nullptr, nullptr);
  blocking.run_here();
  return blocking.result;
}

std::int64_t simulated_engine::accept(entry& e) noexcept {
  if (by_.happens(by_.wanted().shortages, &fault_counts::shortages)) return shortage();
  const std::int64_t accepted = detail::accept_blocking(e.op->fd, static_cast<int>(e.op->flags));
  if (accepted < 0 || !by_.happens(by_.wanted().refusals, &fault_counts::refusals)) return accepted;
  reset(static_cast<int>(accepted));
  detail::close_now(static_cast<int>(accepted));
  return -ECONNABORTED;
}

std::int64_t simulated_engine::open(entry& e) noexcept {
  if (by_.happens(by_.wanted().shortages, &fault_counts::shortages)) return shortage();
  const auto* path = static_cast<const char*>(e.op->data);
  if (is_named_pipe(path)) return -ENOTSUP;
  return detail::open_blocking(path, static_cast<int>(e.op->flags), e.op->size);
}

std::int64_t simulated_engine::shortage() noexcept { return by_.one_of({EMFILE, ENFILE, ENOBUFS, ENOMEM}); }

// Of every call that transfers something, this engine's own included.
fault simulated_engine::before(faulty_call call, int fd, std::size_t bytes) noexcept {
  if (call == faulty_call::socket) {
    if (by_.happens(by_.wanted().shortages, &fault_counts::shortages)) return {.result = shortage()};
    return {};
  }
  if (!performing_ && by_.happens(by_.wanted().waits, &fault_counts::waits)) {
    by_.print("has to wait", fd, -EAGAIN);
    return {.result = -EAGAIN};
  }
  return before_transfer(call, fd, bytes);
}

fault simulated_engine::before_transfer(faulty_call call, int fd, std::size_t bytes) noexcept {
  const auto& wanted = by_.wanted();
  const bool is_file = detail::is_regular_file(fd);
  const bool reads = call == faulty_call::read || call == faulty_call::receive;
  if (is_file && by_.happens(wanted.broken, &fault_counts::broken)) {
    return {.result = reads ? -EIO : by_.one_of({ENOSPC, EIO, EDQUOT})};
  }
  if (wanted.resets != 0 && call != faulty_call::message && is_stream_socket(fd) &&
      by_.happens(wanted.resets, &fault_counts::resets)) {
    reset(fd);
    by_.print("reset", fd, 0);
    return {.result = reads ? -ECONNRESET : by_.one_of({EPIPE, ECONNRESET})};
  }
  // The kernel falls short of what a file has only where it must not wait.
  if (bytes > 1 && !(is_file && performing_ && reads) &&
      by_.happens(wanted.short_counts, &fault_counts::short_counts)) {
    const std::size_t most = 1 + by_.below(bytes - 1);
    by_.print("falls short", fd, static_cast<std::int64_t>(most));
    return {.most = most};
  }
  return {};
}

}  // namespace weft::io::simulated
