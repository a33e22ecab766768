// The values of weft::local that a fiber sees: an immutable list, shared with the tasks that it spawns.
#pragma once

#include <atomic>
#include <utility>

namespace weft::detail {

struct context_value {
  context_value(const void* k, context_value* o) noexcept : key(k), outer(o) {}
  virtual ~context_value() = default;
  context_value(const context_value&) = delete;
  context_value& operator=(const context_value&) = delete;

  std::atomic<unsigned> references{1};
  const void* const key;
  context_value* const outer;  // a reference is held
};

inline context_value* add_reference(context_value* v) noexcept {
  if (v != nullptr) v->references.fetch_add(1, std::memory_order_relaxed);
  return v;
}

inline void drop_reference(context_value* v) noexcept {
  while (v != nullptr && v->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    context_value* outer = v->outer;
    delete v;
    v = outer;
  }
}

// The innermost of the calling fiber; nullptr for none, and outside fibers.
context_value* current_context() noexcept;
// Makes `v` the innermost of the calling fiber and returns what it was; references go with the pointers. Throws std::logic_error
// outside a fiber.
context_value* exchange_context(context_value* v);

}  // namespace weft::detail
