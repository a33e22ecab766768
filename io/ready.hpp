// Readiness of descriptors as cases of weft::select().
//
//   weft::select(
//       weft::io::readable(socket) >> [&] { read_more(); },
//       weft::after(30s) >> [&] { hang_up(); });
//
// Guarantees: a case is chosen only when poll(2) has just said that the descriptor is ready (or has an error or its end, which the call
// that follows will tell). Nothing is read or written by it. The descriptor must stay open meanwhile; as in poll(2), others may be quicker to
// use what was ready. Costs: a system call when it is looked at, and an operation and its cancellation where select() has to wait.
#pragma once

#include <poll.h>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weft/io/detail/operation.hpp>
#include <weft/sync/select.hpp>

namespace weft::io {

namespace detail {

// What a readiness case is, but for its handler.
class readiness_case : public select_case {
 public:
  case_state attempt() noexcept override;
  void enlist(const ticket& waiting) noexcept override;
  bool withdraw() noexcept override;

 protected:
  // Throws std::logic_error outside a fiber, and on a runtime without an I/O engine.
  readiness_case(int fd, short events);
  ~readiness_case() = default;

 private:
  operation poll_;
};

template <class F>
class handled_readiness_case final : public readiness_case {
 public:
  handled_readiness_case(int fd, short events, F f) : readiness_case(fd, events), handler_(std::move(f)) {}
  decltype(auto) run() { return std::invoke(handler_); }

 private:
  F handler_;
};

struct readiness_to_wait_for {
  int fd;
  short events;
};

template <class F>
[[nodiscard]] auto operator>>(readiness_to_wait_for r, F&& handler) {
  return handled_readiness_case<std::decay_t<F>>(r.fd, r.events, std::forward<F>(handler));
}

template <class S>
concept has_descriptor = requires(const S& s) {
  { s.native_handle() } -> std::convertible_to<int>;
};

}  // namespace detail

// There is something to read, or the end, or an error.
[[nodiscard]] inline detail::readiness_to_wait_for readable(int fd) noexcept { return {fd, POLLIN}; }
// Something can be written, or there is an error.
[[nodiscard]] inline detail::readiness_to_wait_for writable(int fd) noexcept { return {fd, POLLOUT}; }
// The same of weft's own streams, pipes and files.
template <detail::has_descriptor S>
[[nodiscard]] detail::readiness_to_wait_for readable(const S& s) noexcept {
  return readable(s.native_handle());
}
template <detail::has_descriptor S>
[[nodiscard]] detail::readiness_to_wait_for writable(const S& s) noexcept {
  return writable(s.native_handle());
}

}  // namespace weft::io
