#include <weft/io/epoll/epoll_engine.hpp>

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <weft/io/detail/system_calls.hpp>
#include <weft/io/epoll/attempt.hpp>

namespace weft::io::epoll {

using detail::opcode;
using detail::operation;

namespace {

using namespace std::chrono_literals;

// What is reported although nobody asked.
constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;

// A helper that was interrupted before its call had begun to wait must be interrupted again: after this, twice as long, and so on.
constexpr auto first_patience = 1ms;
constexpr auto most_patience = 64ms;

}  // namespace

epoll_engine::epoll_engine(unsigned worker) : set_(worker), timer_slack_(::prctl(PR_GET_TIMERSLACK)) {
  ::prctl(PR_SET_TIMERSLACK, 1);
}

// Helpers that have told of their end may still be about to wake this engine.
epoll_engine::~epoll_engine() {
  while (helpers_ != nullptr) wait(time_point::max());
  while (helpers_outside_.load(std::memory_order_acquire) != 0) ::sched_yield();
  ::prctl(PR_SET_TIMERSLACK, timer_slack_);
}

// ---------------------------------------------------------------------------------------------------- starting

void epoll_engine::start(operation& op) noexcept {
  started_.store(started_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (serving_.try_lock()) [[likely]] {
    begin(op);
    return serving_.unlock();
  }
  op.place = is_postponed;
  op.next = std::exchange(postponed_, &op);
}

void epoll_engine::begin(operation& op) noexcept {
  switch (op.code) {
    case opcode::open:
    case opcode::sync:
      return hand_over(op);
    case opcode::connect: {
      const std::int64_t result = detail::connect_now(op.fd, static_cast<const sockaddr*>(op.data), op.size);
      if (result == -EINPROGRESS) return watch(op);
      // The queue of a Unix listener is full, and nothing tells when there is room.
      return result == -EAGAIN ? hand_over(op) : know(op, result);
    }
    default:
      return watch(op);
  }
}

void epoll_engine::begin_postponed() noexcept {
  for (operation* op = std::exchange(postponed_, nullptr); op != nullptr;) {
    operation* next = op->next;
    begin(*op);
    op = next;
  }
}

void epoll_engine::take_from_postponed(operation& op) noexcept {
  operation** link = &postponed_;
  while (*link != &op) link = &(*link)->next;
  *link = op.next;
}

void epoll_engine::cancel(operation& op) noexcept {
  if (op.place == is_postponed) {
    take_from_postponed(op);
    complete(op, -ECANCELED);
    return settle_cancel(op);
  }
  if (op.place == is_watched) {
    watched_[static_cast<std::size_t>(op.fd)].remove(op);
    --waiting_;
    complete(op, -ECANCELED);
  } else if (op.place == is_helped) {
    auto& call = *static_cast<helper_call*>(op.helper);
    if (!call.is_interrupted()) ++interrupted_helpers_;
    call.interrupt();
    patience_ = first_patience;
    next_interrupt_ = time_point::clock::now() + patience_;
  }
  settle_cancel(op);
}

// ---------------------------------------------------------------------------------------------------- descriptors

void epoll_engine::watch(operation& op) noexcept {
  if (op.code == opcode::accept) {  // epoll would wait for anything
    if (const std::int64_t error = detail::check_listening(op.fd); error != 0) return know(op, error);
  }
  watched* w = find(op.fd);
  if (w == nullptr) return know(op, op.fd < 0 ? -EBADF : -ENOMEM);
  const int error = report_for(*w, op);
  if (error == -EPERM) return op.code == opcode::poll ? know(op, readiness_of_file(op)) : hand_over(op);
  if (error != 0) return know(op, error);
  if (op.may_set_nonblocking && !w->is_nonblocking) w->is_nonblocking = detail::set_nonblocking(op.fd);
  op.place = is_watched;
  w->append(op);
  ++waiting_;
}

watched* epoll_engine::find(int fd) noexcept {
  if (fd < 0) return nullptr;
  const auto index = static_cast<std::size_t>(fd);
  try {
    if (index >= watched_.size()) watched_.resize(index + index / 2 + 64);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return &watched_[index];
}

// Has the kernel report what the operation waits for. Of a file with an identity it is known what the kernel was told; a bare number may be
// another file's than the last time, so the kernel is asked.
int epoll_engine::report_for(watched& w, const operation& op) noexcept {
  const std::uint32_t wanted = events_for(op);
  if (op.identity != 0 && w.identity == op.identity && w.reported == report::levels) {
    if ((wanted & ~w.interest) == 0 || change(w, op.fd, w.interest | wanted) == 0) return 0;
  }
  const std::uint32_t all = wanted | w.wanted();
  if (op.identity == 0 && w.reported != report::nothing) {
    const int error = change(w, op.fd, w.reported == report::levels ? w.interest | all : all);
    if (error != -ENOENT) return error;
  }
  w.become(op.identity, op.identity != 0 ? report::levels : report::edges);
  w.interest = all;
  return add(w, op.fd);
}

int epoll_engine::add(watched& w, int fd) noexcept {
  const std::uint32_t events = w.interest | (w.reported == report::edges ? std::uint32_t{EPOLLET} : 0U);
  int error = set_.add(fd, events, w.tag(fd));
  if (error == -EEXIST) error = set_.change(fd, events, w.tag(fd));
  if (error != 0) w.become(0, report::nothing);
  return error;
}

int epoll_engine::change(watched& w, int fd, std::uint32_t interest) noexcept {
  const std::uint32_t events = interest | (w.reported == report::edges ? std::uint32_t{EPOLLET} : 0U);
  const int error = set_.change(fd, events, w.tag(fd));
  if (error == 0) w.interest = interest;
  return error;
}

// Another worker may have closed the descriptor, or be about to: that takes the file out as well. If somebody keeps the file open all the
// same, it is heard of again, as a stranger.
void epoll_engine::forget(watched& w, int fd) noexcept {
  set_.remove(fd);
  w.become(0, report::nothing);
}

// ---------------------------------------------------------------------------------------------------- events

bool epoll_engine::look(time_point until) noexcept {
  const std::size_t count = set_.wait(events_, until);
  bool any = false;
  for (std::size_t i = 0; i < count; ++i) any |= serve(events_[i]);
  if (has_strangers_) [[unlikely]]
    renew();
  return any;
}

bool epoll_engine::serve(const epoll_event& event) noexcept {
  const std::uint64_t tag = event.data.u64;
  const int fd = watched::descriptor_of(tag);
  watched& w = watched_[static_cast<std::size_t>(fd)];
  if (w.reported == report::nothing || w.tag(fd) != tag) [[unlikely]] {
    has_strangers_ |= watched::is_of_levels(tag);
    return false;
  }
  const std::uint32_t events = event.events;
  const std::uint32_t wanted = w.wanted();
  operation* done = try_waiters(w, events);
  const bool progress = done != nullptr;
  if (!progress || (events & w.interest & ~wanted) != 0) adjust(w, fd, events, wanted, progress);
  while (done != nullptr) {  // last: who has waited may close the descriptor
    operation& op = *done;
    done = op.next;
    op.result == must_block ? hand_over(op) : complete(op, op.result);
  }
  return progress;
}

// The oldest first. Once a call would have waited, so would all others in that direction. Returns those with a result, in that order, linked
// by `next`.
operation* epoll_engine::try_waiters(watched& w, std::uint32_t events) noexcept {
  operation* done = nullptr;
  operation** end = &done;
  std::uint32_t exhausted = 0;
  for (operation *op = w.first(), *next = nullptr; op != nullptr; op = next) {
    next = op->next;
    const std::uint32_t mine = events_for(*op);
    if ((events & (mine | always)) == 0) continue;
    if (op->code != opcode::poll && (mine & exhausted) != 0) continue;
    const std::int64_t result = attempt(*op, events);
    if (result == -EAGAIN) {
      exhausted |= mine;
      continue;
    }
    w.remove(*op);
    --waiting_;
    op->result = result;
    *end = op;
    end = &op->next;
  }
  *end = nullptr;
  return done;
}

// After events that nobody waited for, or that helped none of those who did: levels would be reported again and again.
void epoll_engine::adjust(watched& w, int fd, std::uint32_t events, std::uint32_t wanted, bool progress) noexcept {
  if (!w.has_waiters() && !progress) return forget(w, fd);
  if (w.reported != report::levels) return;
  if (!progress && (events & always) != 0) {  // an error queue that weft does not read, for example: edges from now on
    const std::uint32_t interest = w.wanted();
    w.become(0, report::edges);
    change(w, fd, interest);
    return;
  }
  const std::uint32_t unwanted = events & w.interest & ~wanted;
  if (unwanted != 0 && change(w, fd, w.interest & ~unwanted) != 0) has_strangers_ = true;
}

// A file that was closed behind our back while another descriptor keeps it open, or that was handed to another process, goes on being
// reported and can no longer be named: the set is left, and what is waited for goes into a new one.
void epoll_engine::renew() noexcept {
  if (!set_.renew()) return;
  has_strangers_ = false;
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    watched& w = watched_[i];
    if (w.reported == report::nothing) continue;
    const auto fd = static_cast<int>(i);
    const std::uint64_t identity = w.identity;
    const report how = w.reported;
    w.become(w.has_waiters() ? identity : 0, w.has_waiters() ? how : report::nothing);
    if (!w.has_waiters()) continue;
    w.interest = w.wanted();
    if (const int error = add(w, fd); error != 0) {
      while (operation* op = w.first()) {
        w.remove(*op);
        --waiting_;
        complete(*op, error);
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------- results that were known at the start

// start() ends nobody's wait: the next poll() does.
void epoll_engine::know(operation& op, std::int64_t result) noexcept {
  op.place = is_known;
  op.result = result;
  op.next = nullptr;
  (known_first_ != nullptr ? known_last_->next : known_first_) = &op;
  known_last_ = &op;
}

bool epoll_engine::finish_known() noexcept {
  if (known_first_ == nullptr) return false;
  while (operation* op = known_first_) {
    known_first_ = op->next;
    complete(*op, op->result);
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------- helpers

void epoll_engine::hand_over(operation& op) noexcept {
  auto* call = new (std::nothrow) helper_call(op, &epoll_engine::note_done, this);
  if (call == nullptr) return know(op, -ENOMEM);
  helpers_outside_.fetch_add(1, std::memory_order_relaxed);
  if (!helper_threads_.start(*call)) {
    helpers_outside_.fetch_sub(1, std::memory_order_relaxed);
    call->run_here();
    know(op, call->result);
    delete call;
    return;
  }
  op.place = is_helped;
  op.helper = call;
  call->next = helpers_;
  if (helpers_ != nullptr) helpers_->previous = call;
  helpers_ = call;
}

// On the helper's thread.
void epoll_engine::note_done(void* engine, helper_call& call) noexcept {
  auto& self = *static_cast<epoll_engine*>(engine);
  helper_call* head = self.helped_.load(std::memory_order_relaxed);
  do {
    call.next_done = head;
  } while (!self.helped_.compare_exchange_weak(head, &call, std::memory_order_seq_cst, std::memory_order_relaxed));
  self.interrupt();
  self.helpers_outside_.fetch_sub(1, std::memory_order_release);
}

bool epoll_engine::finish_helped() noexcept {
  if (helped_.load(std::memory_order_seq_cst) == nullptr) return false;
  helper_call* call = helped_.exchange(nullptr, std::memory_order_acquire);
  while (call != nullptr) {
    const std::unique_ptr<helper_call> done(call);
    call = call->next_done;
    (done->previous != nullptr ? done->previous->next : helpers_) = done->next;
    if (done->next != nullptr) done->next->previous = done->previous;
    if (done->is_interrupted()) --interrupted_helpers_;
    complete(done->op, done->result);
  }
  return true;
}

// Returns when to do so again.
epoll_engine::time_point epoll_engine::interrupt_helpers(time_point now) noexcept {
  if (interrupted_helpers_ == 0) return time_point::max();
  if (now < next_interrupt_) return next_interrupt_;
  for (helper_call* call = helpers_; call != nullptr; call = call->next) {
    if (call->is_interrupted()) call->interrupt();
  }
  patience_ = std::min<std::chrono::nanoseconds>(2 * patience_, most_patience);
  return next_interrupt_ = now + patience_;
}

// ---------------------------------------------------------------------------------------------------- waiting

bool epoll_engine::busy() const noexcept {
  if (!serving_.try_lock()) return true;
  const bool any = waiting_ != 0 || known_first_ != nullptr || helpers_ != nullptr;
  serving_.unlock();
  return any || postponed_ != nullptr || has_cancel_requests();
}

bool epoll_engine::poll() noexcept {
  const std::lock_guard serving(serving_);
  begin_postponed();
  const bool cancelled_any = take_cancel_requests();
  return serve_all() || cancelled_any;
}

bool epoll_engine::rescue(pid_t /*owner*/) noexcept {
  if (!serving_.try_lock()) return false;
  bool any = false;
  take_cancel_requests([this, &any](operation& op) {
    if (op.place == is_postponed) return leave_cancel_request(op);  // the owner's
    any = true;
    op.completed ? settle_cancel(op) : cancel(op);
  });
  any |= serve_all();
  serving_.unlock();
  return any;
}

// Who rescues may have completed it while we waited for the lock.
void epoll_engine::cancel_from_outside(operation& op) noexcept {
  const std::lock_guard serving(serving_);
  op.completed ? settle_cancel(op) : cancel(op);
}

bool epoll_engine::serve_all() noexcept {
  bool any = finish_known();
  any |= finish_helped();
  if (waiting_ != 0) any |= look({});
  if (interrupted_helpers_ != 0) interrupt_helpers(time_point::clock::now());
  return any;
}

void epoll_engine::wait(time_point until) noexcept {
  const std::lock_guard serving(serving_);
  begin_postponed();
  bool may_sleep = !finish_known();
  if (interrupted_helpers_ != 0) until = std::min(until, interrupt_helpers(time_point::clock::now()));
  rest expected = rest::awake;
  if (!rest_.compare_exchange_strong(expected, rest::asleep, std::memory_order_seq_cst)) may_sleep = false;
  // Those who came before we were seen to sleep do not wake us; and what this ends may be a wait of a fiber of our own.
  if (take_cancel_requests()) may_sleep = false;
  if (finish_helped()) may_sleep = false;
  look(may_sleep ? until : time_point{});
  rest_.store(rest::awake, std::memory_order_seq_cst);
  finish_helped();
  finish_known();  // a call that had to be handed over and found no helper
}

void epoll_engine::interrupt() noexcept {
  if (rest_.exchange(rest::interrupted, std::memory_order_seq_cst) == rest::asleep) set_.wake();
}

}  // namespace weft::io::epoll
