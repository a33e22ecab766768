// Values that follow the work: like thread_local, but a task sees what its spawner saw.
#pragma once

#include <utility>

#include <weft/scheduler/detail/context_value.hpp>

namespace weft {

// A key, usually a global: `inline weft::local<std::string> request_id;`. While a binding exists, get() on the same fiber, and in all
// tasks spawned meanwhile, even after the binding is gone, gives the bound value; elsewhere the default. Bound values are
// immutable and shared, so any number of tasks may read them at once.
// Looking one up walks the bindings, innermost first; a task spawned without bindings pays nothing.
template <class T>
class local {
 public:
  local() = default;
  explicit local(T fallback) : fallback_(std::move(fallback)) {}
  local(const local&) = delete;
  local& operator=(const local&) = delete;

  // Valid while the calling task runs inside the binding it comes from.
  [[nodiscard]] const T& get() const noexcept {
    for (const detail::context_value* v = detail::current_context(); v != nullptr; v = v->outer) {
      if (v->key == this) return static_cast<const bound*>(v)->value;
    }
    return fallback_;
  }
  const T& operator*() const noexcept { return get(); }
  const T* operator->() const noexcept { return &get(); }

  // Binds a value from construction to destruction, on one fiber, in the manner of local variables. Throws std::logic_error outside a
  // fiber.
  class [[nodiscard]] binding {
   public:
    binding(const local& key, T value) {
      auto* v = new bound(&key, detail::add_reference(detail::current_context()), std::move(value));
      try {
        detail::drop_reference(detail::exchange_context(v));
      } catch (...) {
        detail::drop_reference(v);
        throw;
      }
    }
    ~binding() {
      detail::context_value* v = detail::exchange_context(nullptr);
      detail::exchange_context(detail::add_reference(v->outer));
      detail::drop_reference(v);
    }
    binding(const binding&) = delete;
    binding& operator=(const binding&) = delete;
  };

 private:
  struct bound final : detail::context_value {
    bound(const void* k, context_value* o, T v) : context_value(k, o), value(std::move(v)) {}
    const T value;
  };
  T fallback_{};
};

}  // namespace weft
