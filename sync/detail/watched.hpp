// Something whose changes are counted, and fibers that wait for the next one.
#pragma once

#include <cstdint>
#include <mutex>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/schedule_point.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/wait_queue.hpp>

namespace weft::detail {

struct watched {
  enum class news : unsigned char { changed, closed, none };

  wait_queue::lock_type lock;
  wait_queue waiters;
  std::uint64_t version = 0;  // how many changes there were
  bool closed = false;        // there will be no more

  // f() changes what is watched, under the lock.
  template <class F>
  void change(F f) {
    {
      std::lock_guard guard(lock);
      f();
      ++version;
      waiters.wake_all();
    }
    schedule_point();
  }
  void close() noexcept;

  // Parks until `version` differs from `seen`, which then becomes it. Throws `cancelled`.
  news await_change(std::uint64_t& seen, parker::time_point limit);
};

}  // namespace weft::detail
