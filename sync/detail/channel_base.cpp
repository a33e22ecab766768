#include <weft/sync/detail/channel_base.hpp>

#include <mutex>

namespace weft::detail {

const wait_kind send_wait{.name = "send to channel", .threads_may_wait = true};
const wait_kind receive_wait{.name = "receive from channel", .threads_may_wait = true};

std::size_t channel_waiters::count() const noexcept {
  std::size_t n = 0;
  for (const channel_waiter* w = first_.load(std::memory_order_relaxed); w != nullptr; w = w->next) ++n;
  return n;
}

// Those who were claimed stand where they are until they are resumed, so their nodes may link them meanwhile.
void channel_base::close() noexcept {
  channel_waiter* claimed = nullptr;
  {
    std::lock_guard guard(lock_);
    if (closed_.exchange(true, std::memory_order_acq_rel)) return;
    for (channel_waiters* line : {&senders_, &receivers_}) {
      while (channel_waiter* w = line->claim_first()) {
        w->outcome = channel_waiter::end::closed;
        w->next = claimed;
        claimed = w;
      }
    }
  }
  while (claimed != nullptr) {
    const ticket waiting = claimed->waiting;
    claimed = claimed->next;
    waiting.resume();
  }
}

wake channel_base::wait(parker& self, channel_waiters& line, channel_waiter& me, parker::time_point limit) noexcept {
  line.append(me);
  const wake why = self.park_until(limit, [this] { lock_.unlock(); });
  if (why != wake::signalled) withdraw(line, me);
  return why;
}

void channel_base::withdraw(channel_waiters& line, channel_waiter& me) noexcept {
  std::lock_guard guard(lock_);
  if (me.queued) line.remove(me);
}

}  // namespace weft::detail
