// The functions of weft's that the hooks call, for a library that is preloaded: they are the program's.
#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iterator>

#include <weft/io/detail/hooks_runtime.hpp>
#include <weft/io/detail/poll_many.hpp>
#include <weft/io/detail/system_calls.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {

using io::detail::hooks_runtime;
using io::detail::time_point;

namespace {

constinit std::atomic<const hooks_runtime*> attached{nullptr};

// Of a program that has weft: only who may park here goes on to use it.
const hooks_runtime& program() noexcept { return *attached.load(std::memory_order_acquire); }

const char* why_not(const hooks_runtime& r) noexcept {
  const hooks_runtime own{};
  if (r.layout != own.layout || !std::equal(std::begin(own.sizes), std::end(own.sizes), std::begin(r.sizes)))
    return "the program was built with another release of weft than this library";
  if (r.exceptions != reinterpret_cast<void*>(&abi::__cxa_get_globals))
    return "the program has a C++ library of its own within it (it was linked with -static-libstdc++)";
  return nullptr;
}

}  // namespace

bool may_park_here() noexcept {
  const hooks_runtime* r = attached.load(std::memory_order_acquire);
  return r != nullptr && r->may_park_here();
}
std::uint64_t fiber_number() noexcept { return program().fiber_number(); }
void interrupt_own_worker() noexcept { program().interrupt_own_worker(); }
void give_way_unheard() { program().give_way_unheard(); }
void yield() { program().yield(); }
void sleep_until(time_point when) { program().sleep_until(when); }
// Its member is the program's.
foreign_frame::foreign_frame() noexcept {
  static_cast<void>(outer_);
  program().begin_frame(this);
}
foreign_frame::~foreign_frame() { program().end_frame(*this); }

parker::parker(const wait_kind& kind, const void* object, cancellation mode) {
  program().make_parker(this, kind, object, mode);
}
parker::~parker() { program().end_parker(*this); }

// The step is done on this thread before anything else parks on it.
wake parker::suspend(time_point limit, const detail::release_step& release) {
  static thread_local detail::release_step step;
  step = release;
  return program().park(*this, limit, [](void* p) noexcept { (*static_cast<detail::release_step*>(p))(); }, &step);
}

bool ticket::signal() const noexcept { return program().signal(*this); }

void detachable_call::start() { program().start_detached(*this); }
void detachable_call::wait() { program().wait_detached(*this); }
void detachable_call::leave_behind::operator()(detachable_call* call) const noexcept { program().leave_detached(call); }

namespace detail {
cancelled cancellation_of_this_fiber() { return program().cancellation_of_this_fiber(); }
void run_blocking(blocking_call& call) { program().run_blocking(call); }
}  // namespace detail

}  // namespace weft

namespace weft::io::detail {

std::int64_t perform(operation& op, open_descriptor* user, time_point limit) {
  return program().perform(op, user, limit);
}
std::int64_t poll_many(std::span<pollfd> descriptors, time_point limit) {
  return program().poll_many(descriptors, limit);
}
std::int64_t poll_blocking(std::span<pollfd> what, std::chrono::nanoseconds limit) noexcept {
  return program().poll_blocking(what, limit);
}
std::int64_t read(int fd, std::span<const iovec> buffers, std::int64_t offset, short_count policy,
                  open_descriptor* user) {
  return program().read(fd, buffers, offset, policy, user);
}
std::int64_t sync(int fd, bool data_only, open_descriptor* user) { return program().sync(fd, data_only, user); }
std::int64_t read_now(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept {
  return program().read_now(fd, buffers, offset);
}
std::int64_t write_now(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept {
  return program().write_now(fd, buffers, offset);
}
std::int64_t receive(int fd, std::span<std::byte> buffer, int flags) noexcept {
  return program().receive(fd, buffer, flags);
}
std::vector<iovec> without_first(std::span<const iovec> buffers, std::size_t bytes) {
  return program().without_first(buffers, bytes);
}
bool is_nonblocking(int fd) noexcept { return program().is_nonblocking(fd); }

}  // namespace weft::io::detail

extern "C" void weft_hooks_attach(const weft::io::detail::hooks_runtime* r) noexcept {
  if (const char* why = weft::why_not(*r)) {
    std::fprintf(stderr, "weft: hooks: preloaded in vain, calls block as before: %s\n", why);
    return;
  }
  weft::attached.store(r, std::memory_order_release);
}
