#include <weft/io/hooks/detail/entry.hpp>

#include <new>

#include <weft/io/hooks/detail/openssl_errors.hpp>
#include <weft/scheduler/foreign_frame.hpp>

namespace weft::io::hooks {

namespace {

// The frame keeps the fiber on its worker, so the errors go back to the queue that they were taken from.
struct saved_state {
  foreign_frame frame;
  openssl_errors errors;
};

}  // namespace

bool may_wait() noexcept { return may_park_here(); }

entry::entry() noexcept {
  static_assert(sizeof(saved_state) <= sizeof(saved_));
  (::new (static_cast<void*>(saved_)) saved_state)->errors.take();
}

entry::~entry() {
  auto* state = std::launder(reinterpret_cast<saved_state*>(saved_));
  state->errors.put_back();
  state->~saved_state();
}

std::int64_t result_after_leaving(std::int64_t result) { return result; }

}  // namespace weft::io::hooks
