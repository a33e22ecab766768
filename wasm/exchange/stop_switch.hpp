// Ends one child of a guest from outside, without its failing.
#pragma once

#include <mutex>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/group.hpp>

namespace weft::wasm::exchange {

// Shared by the child's task and whoever may want it to end.
class stop_switch {
 public:
  // The child ends at its next wait or time slice, or never begins. Any thread; does not wait; a child that has ended is left alone.
  void stop() noexcept {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
    if (running_ != nullptr) running_->cancel();
  }

  // Runs f, on the child's fiber; false if it was cut short by stop(). What else ends it comes out as it is.
  template <class F>
  bool run(F&& f) {
    try {
      group own("a child of a guest");
      const presence here(*this, own);
      std::forward<F>(f)();
      return true;
    } catch (const cancelled&) {
      check_cancelled();  // the parent's end, rather than this switch
    }
    return false;
  }

 private:
  class presence {
   public:
    presence(stop_switch& of, group& g) noexcept : of_(of) {
      const std::lock_guard guard(of_.mutex_);
      of_.running_ = &g;
      if (of_.stopped_) g.cancel();
    }
    ~presence() {
      const std::lock_guard guard(of_.mutex_);
      of_.running_ = nullptr;
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;

   private:
    stop_switch& of_;
  };

  std::mutex mutex_;  // held for moments, never across a wait
  group* running_ = nullptr;
  bool stopped_ = false;
};

}  // namespace weft::wasm::exchange
