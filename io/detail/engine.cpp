#include <weft/io/detail/engine.hpp>

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>

#include <weft/io/detail/choose_engine.hpp>
#include <weft/io/detail/hooks_runtime.hpp>
#include <weft/io/detail/open_descriptor.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

namespace {

const char kind_of_engines = 0;

// Every call of this module goes through this file, so a program that does I/O links it and gets engines; others do not.
const bool registered = [] {
  attach_hooks_library();
  set_driver_chooser(choose_engine);
  return true;
}();

constexpr wait_kind io_wait(const char* name) noexcept { return {.name = name, .number_at = offsetof(operation, fd)}; }

const wait_kind& kind_of(const operation& op) noexcept {
  static constexpr wait_kind reading = io_wait("read of descriptor"), writing = io_wait("write to descriptor"),
                             receiving = io_wait("receive from descriptor"), sending = io_wait("send to descriptor"),
                             accepting = io_wait("accept on descriptor"), connecting = io_wait("connect of descriptor"),
                             polling = io_wait("readiness of descriptor"), syncing = io_wait("sync of descriptor"),
                             opening{.name = "open of a file"};
  switch (op.code) {
    case opcode::read:
      return reading;
    case opcode::write:
      return writing;
    case opcode::receive:
      return receiving;
    case opcode::send:
      return sending;
    case opcode::accept:
      return accepting;
    case opcode::connect:
      return connecting;
    case opcode::poll:
      return polling;
    case opcode::sync:
      return syncing;
    case opcode::open:
      return opening;
  }
  return unnamed_wait;
}

// One attempt: like perform(), but may also return -EINTR.
std::int64_t perform_once(operation& op, open_descriptor* user, time_point limit) {
  parker self(kind_of(op), &op);
  engine& on = *current_engine();
  op.prepare(self.id(), on);
  if (user != nullptr) {
    op.identity = user->identity();
    if (!user->add(op)) return -ECANCELED;
  }
  on.start(op);
  const wake why = self.park_until(limit, [] {});
  if (why != wake::signalled) on.request_cancel(op);
  await_finished(op);
  if (user != nullptr) user->remove(op);
  if (!is_interrupted(op.result)) return op.result;
  if (why == wake::cancelled) throw_cancelled();
  if (why == wake::timed_out) return -ETIMEDOUT;
  return user != nullptr && user->closing() ? -ECANCELED : -EINTR;
}

}  // namespace

const void* engine::engine_kind() noexcept { return &kind_of_engines; }

void engine::request_cancel(operation& op) noexcept {
  const std::uint32_t before = op.state.fetch_or(operation::cancelling, std::memory_order_acq_rel);
  if ((before & (operation::cancelling | operation::ending)) != 0) return;
  if (current_driver() == this) return cancel_from_outside(op);
  leave_cancel_request(op);
  interrupt();
}

void engine::leave_cancel_request(operation& op) noexcept {
  operation* head = cancel_requests_.load(std::memory_order_relaxed);
  do {
    op.next_cancel = head;
  } while (!cancel_requests_.compare_exchange_weak(head, &op, std::memory_order_seq_cst, std::memory_order_relaxed));
}

bool engine::take_cancel_requests() noexcept {
  return take_cancel_requests([this](operation& op) { op.completed ? settle_cancel(op) : cancel(op); });
}

void engine::complete(operation& op, std::int64_t result) noexcept {
  op.result = result;
  op.completed = true;
  std::uint32_t state = op.state.load(std::memory_order_relaxed);
  while ((state & operation::cancelling) == 0) {
    if (op.state.compare_exchange_weak(state, state | operation::ending, std::memory_order_acq_rel)) return finish(op);
  }
  if (op.cancel_settled) finish(op);
}

void engine::settle_cancel(operation& op) noexcept {
  op.cancel_settled = true;
  if (op.completed) finish(op);
}

void engine::finish(operation& op) noexcept {
  op.waiter.signal();
  const std::uint32_t before = op.state.fetch_or(operation::finished, std::memory_order_acq_rel);
  if ((before & operation::waiting_again) != 0) op.again.signal();  // else the operation may be gone by now
}

void await_finished(operation& op) {
  if (op.is_finished()) [[likely]]
    return;
  static constexpr wait_kind end_of_operation = io_wait("the end of a cancelled operation on descriptor");
  parker self(end_of_operation, &op, parker::cancellation::ignored);
  op.again = self.id();
  const std::uint32_t before = op.state.fetch_or(operation::waiting_again, std::memory_order_acq_rel);
  if ((before & operation::finished) == 0) self.park();
}

engine* current_engine() {
  driver* d = current_driver();
  if (d == nullptr) return nullptr;
  if (d->kind() != engine::engine_kind()) {
    throw std::logic_error("weft::io: this runtime's workers have no I/O engine (their driver is '" +
                           std::string(d->name()) + "'); leave options::driver empty");
  }
  return static_cast<engine*>(d);
}

engine* begin_call() {
  engine* e = current_engine();
  if (e == nullptr) return nullptr;
  if (!e->turn_is_over()) {
    check_cancelled();
    return e;
  }
  yield();
  return current_engine();
}

std::int64_t perform(operation& op, open_descriptor* user, time_point limit) {
  for (;;) {
    const std::int64_t result = perform_once(op, user, limit);
    if (result != -EINTR) return result;
  }
}

}  // namespace weft::io::detail
