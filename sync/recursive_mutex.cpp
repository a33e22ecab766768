#include <weft/sync/recursive_mutex.hpp>

#include <system_error>

#include <weft/scheduler/caller.hpp>

namespace weft {

bool recursive_mutex::enter_again(const void* caller) noexcept {
  if (owner_.load(std::memory_order_relaxed) != caller) return false;
  ++depth_;
  return true;
}

void recursive_mutex::enter_first(const void* caller) noexcept {
  owner_.store(caller, std::memory_order_relaxed);
  depth_ = 1;
}

void recursive_mutex::lock() {
  const void* caller = caller_id();
  if (enter_again(caller)) return;
  mutex_.lock();
  enter_first(caller);
}

bool recursive_mutex::try_lock() noexcept {
  const void* caller = caller_id();
  if (enter_again(caller)) return true;
  if (!mutex_.try_lock()) return false;
  enter_first(caller);
  return true;
}

void recursive_mutex::unlock() {
  if (owner_.load(std::memory_order_relaxed) != caller_id()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "weft: a recursive_mutex is unlocked by one who does not own it");
  }
  if (--depth_ > 0) return;
  owner_.store(nullptr, std::memory_order_relaxed);
  mutex_.unlock();
}

}  // namespace weft
