// A state that one task owns, and messages to it: functions that it runs one after the other.
//
//   auto account = weft::spawn_actor<balances>(g, {.mailbox = 64});
//   account.tell([](balances& b) { b.deposit("a", 10); });              // parks only while the mailbox is full
//   long sum = account.ask([](balances& b) { return b.sum(); });        // parks until the answer is there
//
// Guarantees: messages run one at a time, those of one sender in the order sent; no lock, and a message may wait for anything (the others wait,
// too). The actor ends when its last handle is gone and its mailbox is empty. A message told that throws fails the actor's task, by the rules
// of its group; an exception of a message asked goes to who asked, and the actor goes on.
// Costs: an allocation a message, and a buffered channel's send (ask: two switches of fibers more).
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/scheduler/group.hpp>
#include <weft/sync/channel.hpp>

namespace weft {

struct actor_options {
  std::size_t mailbox = 64;  // messages that wait at most
  const char* name = "actor";
};

// Thrown by who sends to an actor whose task has ended.
class actor_ended : public std::runtime_error {
 public:
  actor_ended() : std::runtime_error("weft: the actor has ended: a message failed, or its group was cancelled") {}
};

namespace detail {

template <class State>
class actor_message {
 public:
  actor_message() = default;
  actor_message(const actor_message&) = delete;
  actor_message& operator=(const actor_message&) = delete;
  virtual ~actor_message() = default;
  virtual void run(State& state) = 0;
};

template <class State, class F>
class actor_function final : public actor_message<State> {
 public:
  explicit actor_function(F f) : f_(std::move(f)) {}
  void run(State& state) override { std::invoke(f_, state); }

 private:
  F f_;
};

}  // namespace detail

// A handle; copies count. Any number of fibers may use one.
template <class State>
class actor {
  using message = std::unique_ptr<detail::actor_message<State>>;

 public:
  // Has the actor run f(state). Parks while the mailbox is full; a cancellation point. Throws `cancelled`, actor_ended, std::bad_alloc.
  template <std::invocable<State&> F>
  void tell(F f) const {
    if (!mailbox_.send(std::make_unique<detail::actor_function<State, F>>(std::move(f)))) throw actor_ended();
  }

  // What f(state) returns, once the actor has run it; throws what f throws. Parks; a cancellation point: if that ends the wait, the
  // actor may still run f. Throws `cancelled`, actor_ended, std::bad_alloc. An actor that asks itself waits for ever.
  template <std::invocable<State&> F>
  std::invoke_result_t<F&, State&> ask(F f) const {
    using result = std::invoke_result_t<F&, State&>;
    static_assert(!std::is_reference_v<result>, "an answer is a value");
    using stored = std::conditional_t<std::is_void_v<result>, std::monostate, result>;
    // In a box, so that an answer may be anything that moves.
    auto ends = make_channel<std::unique_ptr<answer<stored>>>(1);
    tell([f = std::move(f), send = std::move(ends.first)](State& state) mutable {
      auto a = std::make_unique<answer<stored>>();
      try {
        if constexpr (std::is_void_v<result>) {
          std::invoke(f, state);
          a->value.emplace();
        } else {
          a->value.emplace(std::invoke(f, state));
        }
      } catch (const std::exception&) {
        a->error = std::current_exception();
      }
      static_cast<void>(send.try_send(std::move(a)));  // who asked may have gone
    });
    auto a = ends.second.receive();
    if (!a) throw actor_ended();
    if ((*a)->error != nullptr) std::rethrow_exception((*a)->error);
    if constexpr (!std::is_void_v<result>) return std::move(*(*a)->value);
  }

  [[nodiscard]] channel_statistics mailbox_statistics() const { return mailbox_.statistics(); }

 private:
  template <class S, class... A>
  friend actor<S> spawn_actor(group& g, actor_options o, A&&... arguments);

  template <class R>
  struct answer {
    std::optional<R> value;
    std::exception_ptr error;
  };

  explicit actor(sender<message> mailbox) noexcept : mailbox_(std::move(mailbox)) {}
  static void run(const receiver<message>& mailbox, State& state) {
    for (message& m : mailbox) std::exchange(m, nullptr)->run(state);
  }

  sender<message> mailbox_;
};

// An actor that is a task of the group, with a State made of the arguments here and now.
template <class State, class... A>
[[nodiscard]] actor<State> spawn_actor(group& g, actor_options o = {}, A&&... arguments) {
  auto ends = make_channel<typename actor<State>::message>(o.mailbox);
  g.spawn([mailbox = std::move(ends.second),
           state = std::make_unique<State>(std::forward<A>(arguments)...)] { actor<State>::run(mailbox, *state); },
          {.name = o.name});
  return actor<State>(std::move(ends.first));
}

}  // namespace weft
