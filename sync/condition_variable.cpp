#include <weft/sync/condition_variable.hpp>

#include <system_error>

namespace weft {

std::cv_status condition_variable::wait_to(std::unique_lock<mutex>& lock, parker::time_point limit) {
  if (!lock.owns_lock()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "weft: a condition variable is waited on with a lock that does not hold its mutex");
  }
  check_cancelled();
  mutex& m = *lock.mutex();
  detail::notify_queue::waiter self(queue_);
  m.unlock();
  const wake why = self.wait(limit);
  if (!m.try_lock()) m.lock_slowly(mutex::no_limit, parker::cancellation::ignored);
  if (why == wake::cancelled) throw_cancelled();
  return why == wake::timed_out ? std::cv_status::timeout : std::cv_status::no_timeout;
}

}  // namespace weft
