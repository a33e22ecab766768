// Services: tasks that live as long as the run() they serve.
//
//   weft::run([] {
//     weft::services().spawn([] { report_every_minute(); }, {.name = "reporter"});
//     serve_clients();
//   });                                   // the reporter is cancelled and waited for when serve_clients() has returned
//
// There is no detached work in weft: what must outlive the group that starts it belongs to the group around run()'s function. When that
// function has ended, its services are cancelled and joined. A service that fails cancels the function and the other services; run()
// then throws group_error.
#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/scheduler/detail/service_core.hpp>
#include <weft/scheduler/group.hpp>

namespace weft {

// The services of one run(). A handle, copied at will; any thread may use it, and may keep it for longer than run() takes.
class service_group {
 public:
  // Makes f() a service, under the conditions of group::spawn(). Never parks. Once the function of run() has ended it throws instead:
  // `cancelled` with cancel_reason::shutdown on a fiber (which is about to be ended itself), std::logic_error on a foreign thread.
  template <std::invocable F>
  task<std::invoke_result_t<std::decay_t<F>&&>> spawn(
      F&& f, spawn_options o = {}, std::source_location site = std::source_location::current()) const {
    detail::service_core::visit visit(*core_);
    detail::task_node* node = group::make_node(std::forward<F>(f), o, site);
    visit.submit(*node);
    return task<std::invoke_result_t<std::decay_t<F>&&>>(node);
  }

 private:
  friend service_group services();
  explicit service_group(std::shared_ptr<detail::service_core> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::service_core> core_;
};

// Those of the run() that the calling fiber belongs to, however deep below it. Throws std::logic_error outside.
[[nodiscard]] service_group services();

}  // namespace weft
