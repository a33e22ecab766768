// Those who wait for a notification, under both condition variables.
//
// A waiter is queued before it gives up the user's lock, so that no notification between the two is lost, and parks after it has, as giving up the
// lock may park itself. A notification is a mark on the waiter: it stays when a cancellation or a time limit comes at the same time, and is
// then what the wait returns.
#pragma once

#include <cstddef>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/detail/waiter_list.hpp>

namespace weft::detail {

class notify_queue {
 public:
  // In the queue from its making until its wait has ended or, without one, its end.
  class waiter : public waiter_links<waiter> {
   public:
    explicit waiter(notify_queue& queue) noexcept;
    ~waiter();
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    // Parks until notified, cancelled or the limit. Throws nothing: what the caller throws it throws after it has its lock again.
    wake wait(parker::time_point limit) noexcept;

   private:
    friend class notify_queue;
    wake park(parker::time_point limit);
    bool leave() noexcept;

    notify_queue* queue_;    // nullptr: it has left
    spin_lock own_;          // guards what follows; taken after the queue's: who holds it only tries that one
    ticket waiting_;         // once it has been made
    bool notified_ = false;  // from then on the queue may be gone
  };

  notify_queue() = default;
  ~notify_queue();
  notify_queue(const notify_queue&) = delete;
  notify_queue& operator=(const notify_queue&) = delete;

  void notify_one() noexcept;
  void notify_all() noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  void notify_first() noexcept;

  mutable spin_lock lock_;
  waiter_list<waiter> waiters_;
};

}  // namespace weft::detail
