// The one way to wait. Everything in sync/ and io/ stands on these two classes.
//
// A fiber that wants to wait makes a `parker`, hands its `ticket` to whoever will end the wait, and parks. The release step
// runs after the fiber's stack is out of use, on the worker's next stack: releasing a lock there means that no wake can
// come too early and none can be lost. Whoever calls ticket::signal() first ends the wait; cancellation of the enclosing
// scope and the parker's time limit compete on equal terms, and exactly one wins.
//
//   parker self;                                  // throws weft::cancelled if the scope is cancelled already
//   lock_.lock();
//   waiters_.push(self.id());
//   if (self.park([&] { lock_.unlock(); }) == wake::cancelled) { remove self; throw_cancelled(); }
//
// Where the wait_kind allows it, a thread that runs no fiber waits in the same way: it sleeps in the kernel meanwhile.
//
// Costs: a park and its wake are one fiber switch each (about 20 ns) and one compare-and-swap.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace detail {
struct fiber;

// What throw_cancelled() throws.
[[nodiscard]] cancelled cancellation_of_this_fiber();
void check_cancelled_now();

// What is to be done once the stack of a parking fiber is out of use. A copy that the worker keeps: cancellation or a time limit may have the
// fiber run again, and its frame gone, before the step is done.
class release_step {
 public:
  release_step() = default;
  template <class Closure>
  explicit release_step(const Closure& closure) noexcept
      : run_([](void* p) noexcept { (*static_cast<Closure*>(p))(); }) {
    static_assert(sizeof(Closure) <= sizeof closure_ && alignof(Closure) <= alignof(void*) &&
                      std::is_trivially_copyable_v<Closure>,
                  "a release step captures two pointers or references at most");
    ::new (static_cast<void*>(closure_)) Closure(closure);
  }
  void operator()() noexcept { run_(closure_); }

 private:
  void (*run_)(void*) noexcept = nullptr;
  alignas(void*) std::byte closure_[2 * sizeof(void*)];
};
}  // namespace detail

// Why a wait ended.
enum class wake : std::uint8_t {
  signalled,  // ticket::signal()
  cancelled,  // the fiber's scope was cancelled while it waited
  timed_out,  // the time limit of park_until() came
};

// What a fiber may wait for, as a dump, a debugger and a deadlock report tell it: one constant for each kind of wait.
struct wait_kind {
  const char* name;  // "mutex", "sleep"; a literal
  // Where in the object waited on (bytes from its beginning) more is to be read; -1: nowhere.
  short number_at = -1;  // an int that is told with the name, such as a descriptor
  short holder_at = -1;  // an address on the stack of the fiber that holds the object; null while nobody does
  // A thread that runs no fiber may wait for it, too: it blocks, nothing cancels it, and no dump shows it.
  bool threads_may_wait = false;
};
inline constexpr wait_kind unnamed_wait{"something unnamed"};

namespace detail {

// A wait that outlives a single park, such as a selector's: it may be signalled again and again.
class standing_wait {
 public:
  // As ticket::signal(): true if the wait that is in progress has ended by this call. Must not park.
  virtual bool signal() noexcept = 0;

 protected:
  standing_wait() = default;
  ~standing_wait() = default;
};

}  // namespace detail

// Names one wait of one fiber. Copyable, trivially destructible; may outlive the wait, after which it does nothing.
class ticket {
 public:
  ticket() = default;
  // Names a wait that is signalled only: claim() is always in vain.
  explicit ticket(detail::standing_wait& standing) noexcept : epoch_(reinterpret_cast<std::uintptr_t>(&standing)) {}

  // Ends the wait it names and makes the fiber ready; true if this very call ended it, false if the wait had ended
  // already. Any thread, also one that is no worker. Never blocks.
  // Must not be called by the waiting fiber itself between making its parker and parking: it would wait for itself.
  bool signal() const noexcept;

  // The two halves of signal(), for who has something to do between them, such as handing a value over: claim() ends the wait, and
  // whoever was told that it did must call resume() soon, once, which makes the fiber ready. In between the fiber stays where it
  // is, so its frame may be written to. The same rules as for signal().
  [[nodiscard]] bool claim() const noexcept;
  void resume() const noexcept;

  explicit operator bool() const noexcept { return fiber_ != nullptr; }

 private:
  friend class parker;
  bool signal_standing() const noexcept;

  detail::fiber* fiber_ = nullptr;
  std::uint64_t epoch_ = 0;  // without a fiber: the address of a standing wait, or 0
};

// One wait of the calling fiber; stands on its stack. A parker parks at most once. From its making to its park() the fiber must not wait for
// anything else, nor yield: whoever wants to end the wait meanwhile spins until it has begun.
class parker {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  enum class cancellation : bool {
    ignored,   // only for waits that must see their end, such as the completion of an operation already cancelled
    observed,  // the wait is a cancellation point
  };

  // Says what the fiber is going to wait for, which costs two stores; `object` is told by its address, and read where the kind says so,
  // while the fiber waits only. Throws `cancelled` if cancellation is observed and the fiber's scope is cancelled (not while unwinding: then
  // the wait goes on uncancellably). Outside a fiber it throws std::logic_error, unless the kind lets threads wait; on a worker's own stack, as
  // in a completion handler, always.
  explicit parker(const wait_kind& kind, const void* object = nullptr, cancellation mode = cancellation::observed);
  explicit parker(cancellation mode = cancellation::observed) : parker(unnamed_wait, nullptr, mode) {}
  ~parker();
  parker(const parker&) = delete;
  parker& operator=(const parker&) = delete;

  [[nodiscard]] ticket id() const noexcept { return id_; }

  // The time limit so far from now; time_point::max(), which is none, where that would lie beyond the end of time.
  [[nodiscard]] static time_point from_now(std::chrono::nanoseconds duration) noexcept;

  // Parks the fiber, runs release() once its stack is out of use, and returns why it was woken. The fiber may then be on
  // another worker. release() is copied, captures two references at most, and must not throw, park or allocate. It may touch the
  // waiting fiber's frame only before it does the thing that lets another thread signal, and not at all where cancellation or a time
  // limit may end the wait: then the fiber may go on before release() has run. It knows that it has by taking the lock that
  // release() frees.
  template <class Release>
  wake park(const Release& release) {
    return suspend(time_point::max(), detail::release_step(release));
  }
  wake park() {
    return park([] {});
  }

  // As park(), until the limit at most.
  template <class Release>
  wake park_until(time_point limit, const Release& release) {
    return suspend(limit, detail::release_step(release));
  }

 private:
  wake suspend(time_point limit, const detail::release_step& release);

  ticket id_;
};

// A cancellation point that does not wait: throws `cancelled` if the calling fiber's scope is cancelled. One load and a branch while no scope of
// the process is. Every operation that may complete without waiting calls it on entry. Does nothing outside a fiber.
inline void check_cancelled() {
  if (detail::attention.load(std::memory_order_relaxed) != 0) [[unlikely]]
    detail::check_cancelled_now();
}

// How an operation begins that may have to wait: check_cancelled() and turn_point(), for the price of one.
inline void cancellation_point() {
  if (detail::attention.load(std::memory_order_relaxed) == 0) [[likely]]
    return;
  detail::give_way_if_asked();
  detail::check_cancelled_now();
}

// Throws the `cancelled` that describes the calling fiber's cancelled scope: for primitives whose wait returned
// wake::cancelled, after they have put their own house in order.
[[noreturn]] inline void throw_cancelled() {
  throw detail::cancellation_of_this_fiber();  // from the caller's own frame: a throw costs by the frame
}

}  // namespace weft
