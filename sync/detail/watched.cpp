#include <weft/sync/detail/watched.hpp>

namespace weft::detail {

namespace {
constexpr wait_kind change_wait{.name = "change", .threads_may_wait = true};
}

void watched::close() noexcept {
  std::lock_guard guard(lock);
  closed = true;
  waiters.wake_all();
}

watched::news watched::await_change(std::uint64_t& seen, parker::time_point limit) {
  turn_point();
  for (;;) {
    parker self(change_wait, this);
    lock.lock();
    if (version != seen || closed) {
      const news what = version != seen ? news::changed : news::closed;
      seen = version;
      lock.unlock();
      return what;
    }
    switch (waiters.wait(self, lock, limit)) {
      case wake::signalled:
        break;
      case wake::timed_out:
        return news::none;
      case wake::cancelled:
        throw_cancelled();
    }
  }
}

}  // namespace weft::detail
