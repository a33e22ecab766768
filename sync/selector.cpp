#include <weft/sync/selector.hpp>

#include <mutex>

#include <weft/scheduler/schedule_point.hpp>

namespace weft {

namespace {
constexpr wait_kind selector_wait{.name = "selector", .threads_may_wait = true};
}

selector::~selector() {
  for (auto& [id, c] : cases_) c->leave_line();
}

selector::case_id selector::insert(case_pointer c) {
  const std::uint64_t id = ++last_id_;
  c->id = id;
  detail::selector_case& inserted = *cases_.emplace(id, std::move(c)).first->second;
  std::lock_guard guard(lock_);
  list(inserted);
  return case_id(id);
}

// Once it is out of its channel's line nobody lists it any more.
bool selector::remove(case_id id) noexcept {
  const auto found = cases_.find(static_cast<std::uint64_t>(id));
  if (found == cases_.end()) return false;
  detail::selector_case& c = *found->second;
  c.leave_line();
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

std::optional<selector::case_id> selector::wait_until(std::chrono::steady_clock::time_point limit) {
  schedule_point();
  check_cancelled();
  for (;;) {
    if (detail::selector_case* c = next_that_can_go()) return finish(*c);
    if (cases_.empty()) return std::nullopt;
    bool timed_out = false;
    if (detail::selector_case* c = park(limit, timed_out)) return finish(*c);
    if (timed_out) return std::nullopt;
  }
}

// Each that is listed is tried once and then stands in its channel's line.
detail::selector_case* selector::next_that_can_go() noexcept {
  for (;;) {
    detail::selector_case* c = nullptr;
    {
      std::lock_guard guard(lock_);
      c = first_ready_;
      if (c == nullptr) return nullptr;
      unlist(*c);
    }
    if (c->try_or_enlist()) return c;
  }
}

// The case that was done by who has ended the wait; nullptr if some are to be tried again, or the time is over.
detail::selector_case* selector::park(std::chrono::steady_clock::time_point limit, bool& timed_out) {
  parker self(selector_wait, this);
  lock_.lock();
  if (first_ready_ != nullptr) {
    lock_.unlock();
    return nullptr;
  }
  waiting_ = self.id();
  const wake why = self.park_until(limit, [this] { lock_.unlock(); });
  if (why == wake::signalled) return std::exchange(fired_, nullptr);
  {
    std::lock_guard guard(lock_);
    waiting_ = {};
  }
  if (why == wake::cancelled) throw_cancelled();
  timed_out = true;
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
