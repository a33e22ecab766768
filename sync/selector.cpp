#include <weft/sync/selector.hpp>

#include <algorithm>
#include <mutex>

namespace weft {

namespace {
constexpr wait_kind selector_wait{.name = "selector", .threads_may_wait = true};
}

selector::~selector() {
  for (auto& [id, c] : cases_) c->stop_watching();
}

selector::case_id selector::insert(case_pointer c) {
  const std::uint64_t id = ++last_id_;
  c->id = id;
  const parker::time_point due = c->due();
  detail::selector_case& inserted = *cases_.emplace(id, std::move(c)).first->second;
  if (due != parker::time_point::max()) {
    timers_.emplace(due, &inserted);
  } else {
    const std::lock_guard guard(lock_);
    list(inserted);
  }
  return case_id(id);
}

// Once it is not watched any more nobody lists it.
bool selector::remove(case_id id) noexcept {
  const auto found = cases_.find(static_cast<std::uint64_t>(id));
  if (found == cases_.end()) return false;
  detail::selector_case& c = *found->second;
  c.stop_watching();
  forget_timer(c);
  {
    std::lock_guard guard(lock_);
    if (c.listed) unlist(c);
  }
  if (&c == running_) removed_while_running_ = std::move(found->second);
  cases_.erase(found);
  return true;
}

// Whoever has found one of the cases in a channel's line, whose lock he holds.
bool selector::claim(detail::channel_waiter& w) noexcept {
  std::lock_guard guard(lock_);
  auto& c = static_cast<detail::selector_case&>(w);
  if (waiting_ && waiting_.claim()) {
    c.waiting = std::exchange(waiting_, {});
    fired_ = &c;
    return true;
  }
  list(c);
  return false;
}

// The same for what only says that the case is worth a try.
bool selector::signal(detail::selector_case& c) noexcept {
  ticket ended;
  {
    const std::lock_guard guard(lock_);
    if (waiting_ && waiting_.claim()) {
      ended = std::exchange(waiting_, {});
      fired_ = &c;
    } else {
      list(c);
    }
  }
  if (!ended) return false;
  ended.resume();  // the selector may be gone after this
  return true;
}

void selector::forget_timer(const detail::selector_case& c) noexcept {
  const auto [first, last] = timers_.equal_range(c.due());
  const auto found = std::find_if(first, last, [&c](const auto& entry) { return entry.second == &c; });
  if (found != last) timers_.erase(found);
}

void selector::list_due_timers() noexcept {
  if (timers_.empty()) return;
  const auto due = timers_.upper_bound(parker::from_now(std::chrono::nanoseconds(0)));
  const std::lock_guard guard(lock_);
  for (auto t = timers_.begin(); t != due; t = timers_.erase(t)) list(*t->second);
}

std::optional<selector::case_id> selector::wait_until(std::chrono::steady_clock::time_point limit) {
  cancellation_point();
  for (;;) {
    if (detail::selector_case* c = next_that_can_go()) return finish(*c);
    if (cases_.empty()) return std::nullopt;
    bool timed_out = false;
    if (detail::selector_case* c = park(limit, timed_out); c != nullptr && c->done_by_waker()) return finish(*c);
    if (timed_out) return std::nullopt;
  }
}

// Each that is listed is tried once and then watched.
detail::selector_case* selector::next_that_can_go() noexcept {
  list_due_timers();
  for (;;) {
    detail::selector_case* c = nullptr;
    {
      std::lock_guard guard(lock_);
      c = first_ready_;
      if (c == nullptr) return nullptr;
      unlist(*c);
    }
    if (c->try_or_watch()) return c;
  }
}

// The case by which the wait has ended; nullptr if some are to be tried again, a timer is due, or the time is over.
detail::selector_case* selector::park(std::chrono::steady_clock::time_point limit, bool& timed_out) {
  parker self(selector_wait, this);
  lock_.lock();
  if (first_ready_ != nullptr) {
    lock_.unlock();
    return nullptr;
  }
  waiting_ = self.id();
  const parker::time_point next_timer = timers_.empty() ? parker::time_point::max() : timers_.begin()->first;
  const wake why = self.park_until(std::min(limit, next_timer), [this] { lock_.unlock(); });
  if (why == wake::signalled) return std::exchange(fired_, nullptr);
  {
    std::lock_guard guard(lock_);
    waiting_ = {};
  }
  if (why == wake::cancelled) throw_cancelled();
  timed_out = limit <= next_timer;
  return nullptr;
}

selector::case_id selector::finish(detail::selector_case& c) {
  // However the handler ends, the case goes to the end of the list, or away.
  struct cleanup {
    selector& s;
    detail::selector_case& c;
    bool goes_on = true;
    ~cleanup() {
      s.running_ = nullptr;
      if (s.removed_while_running_ != nullptr) {
        s.removed_while_running_.reset();
      } else if (goes_on) {
        std::lock_guard guard(s.lock_);
        s.list(c);
      } else {
        s.cases_.erase(c.id);
      }
    }
  };
  const case_id id{c.id};
  running_ = &c;
  cleanup after{*this, c};
  after.goes_on = c.run();
  return id;
}

void selector::list(detail::selector_case& c) noexcept {
  c.listed = true;
  c.next_ready = nullptr;
  c.previous_ready = last_ready_;
  (last_ready_ != nullptr ? last_ready_->next_ready : first_ready_) = &c;
  last_ready_ = &c;
}

void selector::unlist(detail::selector_case& c) noexcept {
  c.listed = false;
  (c.previous_ready != nullptr ? c.previous_ready->next_ready : first_ready_) = c.next_ready;
  (c.next_ready != nullptr ? c.next_ready->previous_ready : last_ready_) = c.previous_ready;
}

}  // namespace weft
