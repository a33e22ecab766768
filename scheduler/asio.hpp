// Boost.Asio's (or, with ASIO_STANDALONE defined, Asio's) operations as blocking calls of a fiber. Include it where it is needed;
// <weft/weft.hpp> does not.
//
//   std::size_t n = socket.async_read_some(buffer, weft::use_fiber);          // throws system_error
//   std::size_t n = socket.async_read_some(buffer, weft::use_fiber[ec]);      // sets ec
//
// The io_context runs on threads of its own; the fiber starts the operation, parks, and goes on on a worker of weft's.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#ifdef ASIO_STANDALONE
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#else
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#endif

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detail/outside_wait.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft {

namespace detail {

#ifdef ASIO_STANDALONE
namespace net = ::asio;
using net_error = ::asio::error_code;
using net_exception = ::asio::system_error;
#else
namespace net = ::boost::asio;
using net_error = ::boost::system::error_code;
using net_exception = ::boost::system::system_error;
#endif

}  // namespace detail

// The completion token: the operation blocks the calling fiber and returns what its handler would receive: nothing, a value, or a tuple of
// them. A leading error_code is thrown as system_error, or stored where use_fiber[ec] says; a leading exception_ptr is rethrown.
//
// A cancellation point. When the fiber is cancelled while it waits, the operation is cancelled too, by Asio's per-operation
// cancellation, emitted on the I/O object's executor; its completion is awaited, then `cancelled` is thrown. An operation that
// completed all the same returns its result. An operation that knows no cancellation is awaited to its end. If several threads run the
// io_context, the I/O object needs a strand as its executor, as for any use of cancellation in Asio.
// When the io_context is destroyed with the operation pending, the error is operation_aborted. Throws std::logic_error outside a fiber.
// Costs no allocation of its own.
class use_fiber_t {
 public:
  constexpr use_fiber_t() = default;
  [[nodiscard]] constexpr use_fiber_t operator[](detail::net_error& ec) const noexcept { return use_fiber_t(&ec); }
  [[nodiscard]] constexpr detail::net_error* redirected_to() const noexcept { return error_; }

 private:
  constexpr explicit use_fiber_t(detail::net_error* ec) noexcept : error_(ec) {}
  detail::net_error* error_ = nullptr;
};
inline constexpr use_fiber_t use_fiber{};

namespace detail {

inline constexpr wait_kind waits_for_asio{"operation of Asio"};

// What the waiting fiber and an io_context's threads share; stands on the fiber's stack. The fiber leaves when nobody else refers to it.
class asio_wait {
 public:
  net::cancellation_signal cancellation;

  // Held by the handler, and by a cancellation under way: whoever is destroyed last ends the wait.
  class reference {
   public:
    explicit reference(asio_wait& w) noexcept : wait_(&w) {
      const std::lock_guard guard(w.lock_);
      ++w.references_;
    }
    reference(reference&& other) noexcept : wait_(std::exchange(other.wait_, nullptr)) {}
    reference& operator=(reference&&) = delete;
    ~reference() { drop(); }
    [[nodiscard]] asio_wait& get() const noexcept { return *wait_; }
    void drop() noexcept {
      if (asio_wait* w = std::exchange(wait_, nullptr)) w->release();
    }

   private:
    asio_wait* wait_;
  };

  // Parks until nobody refers to this. False if cancellation came first.
  bool wait(parker::cancellation mode) {
    try {
      parker self(waits_for_asio, this, mode);
      lock_.lock();
      if (references_ == 0) {
        lock_.unlock();
        return true;
      }
      waiter_ = self.id();
      const wake why = self.park([this] { lock_.unlock(); });
      const std::lock_guard released(lock_);  // release() is done with this, and with the fiber
      if (why == wake::signalled) return true;
    } catch (const cancelled&) {  // before it has parked
    }
    return false;
  }

 private:
  // Signals while locked: a fiber whose wait has ended otherwise may be gone, with its runtime, as soon as it sees that nobody refers to this.
  void release() noexcept {
    const std::lock_guard guard(lock_);
    if (--references_ == 0) waiter_.signal();
  }

  spin_lock lock_;
  std::size_t references_ = 0;
  ticket waiter_;
};

// What an operation completes with.
template <class... Results>
struct asio_outcome : asio_wait {
  std::optional<std::tuple<Results...>> results;
};

// The completion handler. One that is destroyed without having been called leaves no results.
template <class... Results>
class asio_handler {
 public:
  using cancellation_slot_type = net::cancellation_slot;

  explicit asio_handler(asio_outcome<Results...>& outcome) noexcept : reference_(outcome) {}
  asio_handler(asio_handler&&) noexcept = default;

  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
    return reference_.get().cancellation.slot();
  }

  template <class... Values>
  void operator()(Values&&... values) {
    static_cast<asio_outcome<Results...>&>(reference_.get()).results.emplace(std::forward<Values>(values)...);
    reference_.drop();
  }

 private:
  asio_wait::reference reference_;
};

// What the caller gets of a tuple from the given element on: void, a value, a tuple.
template <std::size_t First, class Tuple>
auto asio_values(Tuple&& all) {
  constexpr std::size_t count = std::tuple_size_v<std::remove_reference_t<Tuple>> - First;
  if constexpr (count == 1) {
    return std::move(std::get<First>(all));
  } else if constexpr (count > 1) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::make_tuple(std::move(std::get<First + I>(all))...);
    }(std::make_index_sequence<count>());
  }
}

template <class T, class... Results>
inline constexpr bool asio_begins_with = false;
template <class T, class... Rest>
inline constexpr bool asio_begins_with<T, T, Rest...> = true;

// An outcome as the caller gets it.
template <class... Results>
auto asio_return(std::optional<std::tuple<Results...>>&& results, use_fiber_t token, bool fiber_cancelled) {
  constexpr bool has_error = asio_begins_with<net_error, Results...>;
  constexpr bool has_exception = asio_begins_with<std::exception_ptr, Results...>;
  if constexpr (has_error && (std::is_default_constructible_v<Results> && ...)) {
    if (!results) std::get<0>(results.emplace()) = net::error::operation_aborted;
  }
  if (!results) {
    if (fiber_cancelled) throw_cancelled();
    throw net_exception(net::error::operation_aborted, "weft: the operation's io_context was destroyed");
  }
  if constexpr (has_error) {
    const net_error error = std::get<0>(*results);
    if (fiber_cancelled && error == net::error::operation_aborted) throw_cancelled();
    if (token.redirected_to() != nullptr) {
      *token.redirected_to() = error;
    } else if (error) {
      throw net_exception(error);
    }
  } else if constexpr (has_exception) {
    if (std::get<0>(*results) != nullptr) std::rethrow_exception(std::get<0>(*results));
  }
  constexpr std::size_t first_value = has_error || has_exception ? 1 : 0;
  return asio_values<first_value>(std::move(*results));
}

// Emits the cancellation where it cannot meet the operation's own steps. Where the operation names no executor nothing can be done.
template <class Initiation>
void asio_cancel(asio_wait& wait, const Initiation& initiation) {
  if constexpr (requires { initiation.get_executor(); }) {
    net::post(initiation.get_executor(), [held = asio_wait::reference(wait)]() mutable {
      held.get().cancellation.emit(net::cancellation_type::all);
      held.drop();
    });
  }
}

template <class... Results>
struct asio_operation {
  template <class Initiation, class... Arguments>
  static auto initiate(Initiation&& initiation, use_fiber_t token, Arguments&&... arguments) {
    if (!in_fiber()) {
      throw std::logic_error("weft: use_fiber parks the calling fiber, and there is none: call it inside weft::run");
    }
    check_cancelled();
    // The initiation may be moved from, and is asked for its executor later.
    const std::remove_cvref_t<Initiation> kept(initiation);
    asio_outcome<Results...> outcome;
    std::forward<Initiation>(initiation)(asio_handler<Results...>(outcome), std::forward<Arguments>(arguments)...);
    const outside_wait outside;
    const bool fiber_cancelled = !outcome.wait(parker::cancellation::observed);
    if (fiber_cancelled) {
      asio_cancel(outcome, kept);
      outcome.wait(parker::cancellation::ignored);
    }
    return asio_return(std::move(outcome.results), token, fiber_cancelled);
  }
};

}  // namespace detail

}  // namespace weft

#ifdef ASIO_STANDALONE
namespace asio {
#else
namespace boost::asio {
#endif

template <class R, class... Arguments>
class async_result<weft::use_fiber_t, R(Arguments...)>
    : public weft::detail::asio_operation<std::decay_t<Arguments>...> {};

#ifdef ASIO_STANDALONE
}  // namespace asio
#else
}  // namespace boost::asio
#endif
