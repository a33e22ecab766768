#include <weft/io/detail/hooks_runtime.hpp>

#include <cxxabi.h>
#include <dlfcn.h>

#include <new>

#include <weft/io/detail/poll_many.hpp>
#include <weft/io/detail/system_calls.hpp>
#include <weft/scheduler/this_fiber.hpp>

// Defined by a program that is linked with the hooks.
extern "C" [[gnu::weak]] const char weft_hooks_are_linked;

namespace weft::io::detail {

namespace {

wake park(parker& p, time_point limit, void (*release)(void*) noexcept, void* argument) {
  return p.park_until(limit, [release, argument] { release(argument); });
}

hooks_runtime own_functions() noexcept {
  hooks_runtime r{};
  r.exceptions = reinterpret_cast<void*>(&abi::__cxa_get_globals);
  r.may_park_here = &weft::may_park_here;
  r.fiber_number = &weft::fiber_number;
  r.interrupt_own_worker = &weft::interrupt_own_worker;
  r.give_way_unheard = &weft::give_way_unheard;
  r.yield = &weft::yield;
  r.sleep_until = &weft::sleep_until;
  r.cancellation_of_this_fiber = &weft::detail::cancellation_of_this_fiber;
  r.run_blocking = &weft::detail::run_blocking;
  r.start_detached = [](detachable_call& call) { call.start(); };
  r.wait_detached = [](detachable_call& call) { call.wait(); };
  r.leave_detached = [](detachable_call* call) noexcept { detachable_call::leave_behind()(call); };
  r.begin_frame = [](void* place) noexcept { ::new (place) foreign_frame; };
  r.end_frame = [](foreign_frame& frame) noexcept { frame.~foreign_frame(); };
  r.make_parker = [](void* place, const wait_kind& kind, const void* object, parker::cancellation mode) {
    ::new (place) parker(kind, object, mode);
  };
  r.end_parker = [](parker& p) noexcept { p.~parker(); };
  r.park = &park;
  r.signal = [](const ticket& t) noexcept { return t.signal(); };
  r.perform = &perform;
  r.poll_many = &poll_many;
  r.poll_blocking = &poll_blocking;
  r.read = &read;
  r.sync = &sync;
  r.read_now = &read_now;
  r.write_now = &write_now;
  r.receive = &receive;
  r.without_first = &without_first;
  r.is_nonblocking = &is_nonblocking;
  return r;
}

}  // namespace

void attach_hooks_library() noexcept {
  if (&weft_hooks_are_linked != nullptr) return;
  auto* const library = reinterpret_cast<attach_hooks*>(::dlsym(RTLD_DEFAULT, "weft_hooks_attach"));
  if (library == nullptr) return;
  static const hooks_runtime program = own_functions();
  library(&program);
}

}  // namespace weft::io::detail
