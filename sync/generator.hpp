// A sequence that is computed while it is read: a function that yields values, and a loop that takes them.
//
//   weft::generator<long> squares([](auto& yield) {
//     for (long n = 0;; ++n) yield(n * n);
//   });
//   for (long s : squares) if (s > 100) break;                // leaving early ends the function at its yield
//
// Guarantees: the function runs on a fiber of its own and is ahead of the reader by no value; it may wait for anything. Its end is the end
// of the range; what it throws comes out of the loop's ++ (or begin()). When the generator is destroyed the function is cancelled at its
// next yield and waited for. Costs: a task and its stack; 70 ns a value or more, as it takes two switches of fibers.
#pragma once

#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <source_location>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/channel.hpp>

namespace weft {

// A local variable, like a group: made, read and destroyed on one fiber. An input range: it can be gone through once.
template <class T>
class generator {
 public:
  // What the function is called with. Calling it parks until the value was taken; throws `cancelled` if nobody wants it any more.
  class yielder {
   public:
    void operator()(T value) const {
      if (!out_.send(std::move(value))) throw cancelled(cancel_reason::requested, "generator");
    }

   private:
    friend class generator;
    explicit yielder(sender<T> out) noexcept : out_(std::move(out)) {}
    sender<T> out_;
  };

  // f(yielder&) begins to run when the first value is asked for, or earlier. Throws std::logic_error outside a fiber.
  template <class F>
  explicit generator(F f, std::source_location site = std::source_location::current())
      : generator(make_channel<T>(0), std::move(f), site) {}
  ~generator() noexcept(false) {
    in_.close();
    group_.cancel();
  }
  generator(const generator&) = delete;
  generator& operator=(const generator&) = delete;

  // The next value; empty at the end. Parks; a cancellation point. Throws what the function has thrown, once.
  [[nodiscard]] std::optional<T> next() {
    std::optional<T> value = in_.receive();
    if (!value && error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
    return value;
  }

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(generator& from) : from_(&from), value_(from.next()) {}
    [[nodiscard]] T& operator*() const noexcept { return *value_; }
    iterator& operator++() {
      value_ = from_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t /*end*/) noexcept { return !i.value_; }

   private:
    generator* from_ = nullptr;
    mutable std::optional<T> value_;
  };
  [[nodiscard]] iterator begin() { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class F>
  generator(std::pair<sender<T>, receiver<T>> channel, F f, std::source_location site)
      : in_(std::move(channel.second)), group_("generator", site) {
    group_.spawn(
        [this, f = std::move(f), yield = yielder(std::move(channel.first))]() mutable {
          try {
            std::invoke(f, yield);
          } catch (const std::exception&) {
            error_ = std::current_exception();  // seen when the channel closes, which it does after this
          }
        },
        {.name = "generator"}, site);
  }

  receiver<T> in_;
  std::exception_ptr error_;
  group group_;  // last: ends first
};

}  // namespace weft
