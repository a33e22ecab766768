// The door of the group around a run()'s function: open to every thread while that function runs, shut for good afterwards.
#pragma once

#include <atomic>
#include <memory>
#include <source_location>

#include <weft/scheduler/detail/group_core.hpp>

namespace weft::detail {

class service_core : public std::enable_shared_from_this<service_core> {
 public:
  // While it lives, the group can be spawned into and does not end. Throws `cancelled` on a fiber and std::logic_error elsewhere if
  // the door is shut.
  class visit {
   public:
    explicit visit(service_core& services);
    ~visit() { services_.visitors_.fetch_sub(one_visitor, std::memory_order_release); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    void submit(task_node& task) { services_.group_->submit(task); }

   private:
    service_core& services_;
  };

  // The group itself, on the stack of the fiber that runs the function. Its end shuts the door, cancels the services and waits for
  // them; throws their failures unless an exception passes.
  class stay {
   public:
    stay(service_core& services, std::source_location site);
    ~stay() noexcept(false);
    stay(const stay&) = delete;
    stay& operator=(const stay&) = delete;

   private:
    service_core& services_;
    group_core group_;
  };

 private:
  static constexpr unsigned shut = 1;
  static constexpr unsigned one_visitor = 2;

  void open(group_core& group) noexcept;
  void close() noexcept;

  std::atomic<unsigned> visitors_{shut};
  group_core* group_ = nullptr;
};

}  // namespace weft::detail
