// One call to the operating system that may have to wait: what to do, and how far it has got.
//
// It stands on the frame of the fiber that waits for it. From engine::start() until its last completion it belongs to the
// engine it was started on: the fiber may wake elsewhere, but must not return before `finished` is set.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weft/scheduler/park.hpp>

namespace weft::io::detail {

class engine;

enum class opcode : std::uint8_t {
  read,     // data: iovec array; size: how many; offset
  write,    // the same
  receive,  // data: buffer; size: bytes; flags: MSG_*
  send,     // the same
  accept,   // flags: SOCK_*; the result is the new descriptor
  connect,  // data: sockaddr; size: its length
  poll,     // flags: POLL* events; the result is those that are there
  sync,     // flags: 1 for data only
  open,     // fd: the directory; data: path; flags: O_*; size: permissions; the result is the new descriptor
};

struct operation {
  // The offset of reads and writes at the descriptor's own position.
  static constexpr std::int64_t current_position = -1;

  // Bits of `state`.
  static constexpr std::uint32_t cancelling = 1;     // somebody has asked the engine to cancel it; asked once only
  static constexpr std::uint32_t ending = 2;         // it has completed: too late to ask
  static constexpr std::uint32_t finished = 4;       // the result is final and no engine refers to it any more
  static constexpr std::uint32_t waiting_again = 8;  // `again` names the fiber's wait for `finished`

  opcode code;
  // The call was tried just before and would have waited: look for readiness first.
  bool expected_to_wait = false;
  // To be done by a thread that may block, without a first attempt that does not.
  bool needs_thread = false;
  // The descriptor is a socket that weft has made and nobody else uses: it may be set to O_NONBLOCK.
  bool may_set_nonblocking = false;
  // The engine's own note of where it has the operation.
  std::uint8_t place = 0;
  // Owner thread only: the operating system has given the result; the cancellation asked for is done with.
  bool completed = false;
  bool cancel_settled = false;
  int fd = -1;
  void* data = nullptr;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
  std::int64_t offset = current_position;

  // Not negative: as the system call returns; negative: an errno.
  std::int64_t result = 0;

  std::atomic<std::uint32_t> state{0};
  engine* owner = nullptr;
  ticket waiter;  // the fiber's wait for completion; several operations may share one
  ticket again;
  std::uint64_t identity = 0;     // of the open_descriptor; 0: a plain descriptor, whose number may be reused unnoticed
  void* helper = nullptr;         // the engine's record of the thread that does the operation
  operation* next = nullptr;      // in one of the engine's lists
  operation* previous = nullptr;  // the same, where the list is linked both ways
  operation* next_cancel = nullptr;    // in a list of cancellations asked for
  operation* previous_user = nullptr;  // in the list of its open_descriptor
  operation* next_user = nullptr;

  operation(opcode c, int descriptor) noexcept : code(c), fd(descriptor) {}
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;

  [[nodiscard]] bool is_finished() const noexcept { return (state.load(std::memory_order_acquire) & finished) != 0; }

  // Ready to be started anew, for the wait that `wait` names, on `on`.
  void prepare(ticket wait, engine& on) noexcept {
    completed = cancel_settled = false;
    result = 0;
    waiter = wait;
    owner = &on;
    state.store(0, std::memory_order_relaxed);
  }
};

}  // namespace weft::io::detail
