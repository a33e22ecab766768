#include <weft/io/ready.hpp>

#include <cerrno>
#include <chrono>
#include <span>
#include <stdexcept>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/system_calls.hpp>

namespace weft::io::detail {

readiness_case::readiness_case(int fd, short events) : select_case(nullptr), poll_(opcode::poll, fd) {
  poll_.flags = static_cast<std::uint16_t>(events);
  if (current_engine() == nullptr) {
    throw std::logic_error(
        "weft::io: a select() with the readiness of a descriptor is for fibers: call it inside weft::run");
  }
}

// An error of poll(2) itself is for the handler's call to find, too.
case_state readiness_case::attempt() noexcept {
  pollfd look{poll_.fd, static_cast<short>(poll_.flags), 0};
  return poll_blocking({&look, 1}, std::chrono::nanoseconds(0)) != 0 ? case_state::committed : case_state::not_yet;
}

void readiness_case::enlist(const ticket& waiting) noexcept {
  engine& on = *current_engine();
  poll_.prepare(waiting, on);
  on.start(poll_);
}

bool readiness_case::withdraw() noexcept {
  poll_.owner->request_cancel(poll_);
  await_finished(poll_);
  return false;
}

}  // namespace weft::io::detail
