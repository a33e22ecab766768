#include <weft/scheduler/services.hpp>

#include <stdexcept>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detail/scope.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {

namespace detail {

service_core::visit::visit(service_core& services) : services_(services) {
  if ((services.visitors_.fetch_add(one_visitor, std::memory_order_acquire) & shut) == 0) return;
  services.visitors_.fetch_sub(one_visitor, std::memory_order_release);
  if (in_fiber()) throw cancelled(cancel_reason::shutdown, "services");
  throw std::logic_error("weft: no service can be spawned: the function of run() has ended; spawn while it runs");
}

void service_core::open(group_core& group) noexcept {
  group_ = &group;
  visitors_.fetch_sub(shut, std::memory_order_release);
}

// A visitor spawns and leaves; it never parks meanwhile.
void service_core::close() noexcept {
  visitors_.fetch_or(shut, std::memory_order_acquire);
  for (spin_wait wait; visitors_.load(std::memory_order_acquire) != shut;) wait.pause();
}

service_core::stay::stay(service_core& services, std::source_location site)
    : services_(services), group_("services", false, site) {
  services_.open(group_);
}

service_core::stay::~stay() noexcept(false) {
  services_.close();
  group_.scope().cancel(cancel_reason::shutdown);
  try {
    group_.close();
  } catch (const cancelled&) {  // that services were cut short is how they end
  }
}

}  // namespace detail

service_group services() {
  detail::service_core* core = detail::current_scope("services()").root().services;
  if (core == nullptr) {
    throw std::logic_error(
        "weft: services() belongs to a run(), and this fiber was made by Boost's own API: spawn a task");
  }
  return service_group(core->shared_from_this());
}

}  // namespace weft
