// A call that blocks an OS thread, and that its caller may leave behind: for functions of others that nothing cuts short, such as the C library's look-ups
// of names. It runs on a helper thread, those of blocking(), with copies of all that it needs; a fiber that is cancelled while it waits goes on at once,
// and the call ends alone.
//
// Guarantees: a call that has returned gives its result, also to a caller who is cancelled. One that is left behind before it has begun is not begun. Costs an allocation
// beyond what blocking() costs. A thread is busy until the function returns, so of those left behind no more run than options::blocking_threads; the
// runtime's end waits for them.
#pragma once

#include <memory>

#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft {

//   struct look_up : detachable_call {
//     std::string name;       // a copy: the caller's may be gone
//     int result = 0;
//     void run() noexcept override { result = ask(name.c_str()); }
//   };
//   detached<look_up> call(new look_up);
//   call->name = name;
//   call->start();
//   call->wait();
//   use(call->result);        // gone with `call`, or after its end if wait() was cut short
class detachable_call : private detail::blocking_call {
 public:
  // Leaves it behind if it runs, else destroys it.
  struct leave_behind {
    void operator()(detachable_call* call) const noexcept;
  };

  detachable_call(const detachable_call&) = delete;
  detachable_call& operator=(const detachable_call&) = delete;

  // Hands it to the helper threads of the calling fiber's runtime, once. Does not park. A cancellation point; throws std::system_error if no thread can be
  // had. Nothing has begun then.
  void start();
  // Parks until it has ended. A cancellation point, on entry and while it waits: throws `cancelled`, and may be called again. On a fiber of that
  // runtime.
  void wait();

 protected:
  detachable_call() noexcept : blocking_call{.invoke = nullptr, .next = nullptr, .done = {}} {}
  // On whichever thread comes last.
  virtual ~detachable_call() = default;

  // What is to be done, on the helper thread.
  virtual void run() noexcept = 0;

 private:
  static void invoke_on_helper(blocking_call* call) noexcept;
  [[nodiscard]] bool is_left_behind() noexcept;

  spin_lock lock_;  // of what follows
  bool started_ = false;
  bool ended_ = false;
  bool left_behind_ = false;
  ticket waiter_;
};

// Who holds it owns it; dropping it leaves it behind.
template <class Call>
using detached = std::unique_ptr<Call, detachable_call::leave_behind>;

}  // namespace weft
