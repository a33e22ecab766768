#include <weft/scheduler/supervisor.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include <weft/scheduler/detail/as_cancelled.hpp>
#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft {

namespace {

using time_point = std::chrono::steady_clock::time_point;

constexpr wait_kind waits_for_children{"children of a supervisor"};

// `cancelled` is an end, not a failure.
std::exception_ptr failure_of(const std::exception_ptr& error) {
  return detail::as_cancelled(error) != nullptr ? nullptr : error;
}

std::string message_of(const std::exception_ptr& failure) {
  if (failure == nullptr) return "it returned";
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

std::string in_seconds(std::chrono::nanoseconds t) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(t).count()) + " ms";
}

}  // namespace

// One run(). All decisions are made on the fiber that called it; children only report their end. What a child runs in is a scope that
// stands here, not on the child's fiber, so that stopping it never touches another fiber's frame.
class supervisor::supervision {
 public:
  explicit supervision(supervisor& s);
  // Cancels what still runs. The group, destroyed first, waits for it.
  ~supervision() noexcept(false);
  supervision(const supervision&) = delete;
  supervision& operator=(const supervision&) = delete;

  void run();

 private:
  enum class phase : unsigned char {
    waiting,   // is to be started when its time has come
    running,   // has been started and has not reported
    stopping,  // the same, and it was cancelled by us
    ended,     // has reported; nothing is decided yet
    done,      // is not started again
  };

  struct child_run {
    child_run(const child& c, const backoff_options& delay) : definition(c), delays(delay) {}
    const child& definition;
    backoff delays;
    phase state = phase::waiting;
    time_point due;      // while waiting
    time_point started;  // last
    std::optional<detail::scope> scope;
    std::exception_ptr failure;  // it ended by
    child_run* next = nullptr;   // in the list of reports
  };

  void start(child_run& c);
  void start_those_due();
  void perform(child_run& c);
  void report(child_run& c) noexcept;
  child_run* take_report(time_point limit);
  void await_report(time_point limit);
  [[nodiscard]] time_point next_start() const noexcept;
  [[nodiscard]] bool active() const noexcept;

  void decide(child_run& c);
  void restart_with_others(child_run& c);
  void count_restart(const child_run& c);
  void stop(child_run& c);
  [[nodiscard]] bool concerns(const child_run& failed, const child_run& other) const noexcept;

  supervisor& supervisor_;
  detail::scope& outer_;
  std::deque<child_run> children_;    // in the order of add()
  std::deque<child_run*> undecided_;  // in the order of their ends
  std::deque<time_point> restarts_;   // within the period
  std::atomic<bool> ending_{false};
  spin_lock lock_;  // guards what follows
  child_run* first_report_ = nullptr;
  child_run** last_report_ = &first_report_;
  ticket waiting_;
  group group_;
};

supervisor::supervision::supervision(supervisor& s)
    : supervisor_(s), outer_(detail::current_scope("a supervisor")), group_("supervisor") {
  for (const child& c : s.children_) children_.emplace_back(c, s.options_.delay);
}

supervisor::supervision::~supervision() noexcept(false) {
  ending_.store(true, std::memory_order_relaxed);
  for (child_run& c : children_) {
    if (c.state == phase::running || c.state == phase::stopping) c.scope->cancel(cancel_reason::group_left);
  }
}

void supervisor::supervision::run() {
  start_those_due();
  while (active()) {
    await_report(next_start());
    while (!undecided_.empty()) {
      child_run& c = *undecided_.front();
      undecided_.pop_front();
      decide(c);
    }
    start_those_due();
  }
}

bool supervisor::supervision::active() const noexcept {
  return std::ranges::any_of(children_, [](const child_run& c) { return c.state != phase::done; });
}

// ------------------------------------------------------------------------------------------------- starting and ending

void supervisor::supervision::start_those_due() {
  const time_point now = detail::now();
  for (child_run& c : children_) {
    if (c.state == phase::waiting && c.due <= now) start(c);
  }
}

time_point supervisor::supervision::next_start() const noexcept {
  time_point next = time_point::max();
  for (const child_run& c : children_) {
    if (c.state == phase::waiting) next = std::min(next, c.due);
  }
  return next;
}

// Below the scope around run(), beside the group, which ends before these scopes do.
void supervisor::supervision::start(child_run& c) {
  c.scope.emplace(outer_);
  c.scope->set_label(c.definition.name, c.definition.site);
  c.failure = nullptr;
  c.started = detail::now();
  c.state = phase::running;
  group_.spawn([this, &c] { perform(c); }, {.name = c.definition.name.c_str()}, c.definition.site);
}

// On the child's fiber.
void supervisor::supervision::perform(child_run& c) {
  detail::scope& task_scope = detail::current_scope("a child");
  detail::enter_scope(*c.scope);
  std::exception_ptr error;
  try {
    check_cancelled();
    c.definition.function();
  } catch (...) {
    error = std::current_exception();
  }
  const std::exception_ptr failure = failure_of(detail::settle(*detail::this_worker()->current(), std::move(error)));
  detail::leave_scope(*c.scope, task_scope);
  const bool nobody_asks = ending_.load(std::memory_order_relaxed) || outer_.is_cancelled();
  if (!nobody_asks) c.failure = failure;
  report(c);
  if (nobody_asks && failure != nullptr) std::rethrow_exception(failure);
}

void supervisor::supervision::report(child_run& c) noexcept {
  ticket waiter;
  {
    std::lock_guard guard(lock_);
    c.next = nullptr;
    *last_report_ = &c;
    last_report_ = &c.next;
    waiter = std::exchange(waiting_, {});
  }
  waiter.signal();
}

// nullptr when the limit has passed.
supervisor::supervision::child_run* supervisor::supervision::take_report(time_point limit) {
  for (bool waited = false;; waited = true) {
    parker self(waits_for_children, this);
    lock_.lock();
    if (child_run* c = first_report_; c != nullptr || waited) {
      if (c != nullptr) first_report_ = c->next;
      if (first_report_ == nullptr) last_report_ = &first_report_;
      waiting_ = {};
      lock_.unlock();
      return c;
    }
    waiting_ = self.id();
    if (self.park_until(limit, [this] { lock_.unlock(); }) == wake::cancelled) throw_cancelled();
  }
}

void supervisor::supervision::await_report(time_point limit) {
  child_run* c = take_report(limit);
  if (c == nullptr) return;
  const bool was_stopped = std::exchange(c->state, phase::ended) == phase::stopping;
  if (c->failure != nullptr && supervisor_.options_.on_failure) {
    supervisor_.options_.on_failure(c->definition.name, c->failure);
  }
  if (!was_stopped) undecided_.push_back(c);
}

void supervisor::supervision::stop(child_run& c) {
  if (c.state != phase::running) return;
  c.state = phase::stopping;
  c.scope->cancel(cancel_reason::requested);
  while (c.state != phase::ended) await_report(time_point::max());
}

// ------------------------------------------------------------------------------------------------- deciding

void supervisor::supervision::decide(child_run& c) {
  const restart when = c.definition.when;
  if (when == restart::permanent || (when == restart::transient && c.failure != nullptr)) {
    count_restart(c);
    restart_with_others(c);
  } else {
    c.state = phase::done;
  }
}

void supervisor::supervision::count_restart(const child_run& c) {
  const supervisor_options& o = supervisor_.options_;
  const time_point now = detail::now();
  while (!restarts_.empty() && restarts_.front() <= now - o.period) restarts_.pop_front();
  if (restarts_.size() >= o.max_restarts) {
    throw supervisor_error("weft: child '" + c.definition.name + "' has ended again after " +
                               std::to_string(o.max_restarts) + " restarts within " + in_seconds(o.period) +
                               "; the last time: " + message_of(c.failure),
                           c.definition.name, c.failure);
  }
  restarts_.push_back(now);
  supervisor_.restarts_.fetch_add(1, std::memory_order_relaxed);
}

bool supervisor::supervision::concerns(const child_run& failed, const child_run& other) const noexcept {
  switch (supervisor_.options_.strategy) {
    case restart_strategy::one_for_one:
      break;
    case restart_strategy::one_for_all:
      return other.state != phase::done;
    case restart_strategy::rest_for_one:
      return other.state != phase::done && (&other == &failed || &failed.definition < &other.definition);
  }
  return &other == &failed;
}

// A child that has ended by itself, and so is undecided, is dealt with here if the restart concerns it.
void supervisor::supervision::restart_with_others(child_run& failed) {
  if (detail::now() - failed.started >= supervisor_.options_.period) failed.delays.reset();
  const auto delay = failed.delays.next();
  for (auto c = children_.rbegin(); c != children_.rend(); ++c) {
    if (&*c != &failed && concerns(failed, *c)) stop(*c);
  }
  const time_point due = parker::from_now(delay);
  for (child_run& c : children_) {
    if (!concerns(failed, c)) continue;
    const bool ended_by_itself = &c != &failed && std::erase(undecided_, &c) > 0;
    const bool wanted = c.definition.when == restart::permanent ||
                        (c.definition.when == restart::transient && (!ended_by_itself || c.failure != nullptr));
    c.state = wanted ? phase::waiting : phase::done;
    c.due = due;
  }
}

// ------------------------------------------------------------------------------------------------- the supervisor

supervisor::supervisor(supervisor_options o) : options_(std::move(o)) {
  static_cast<void>(backoff(options_.delay));  // throws for delays that make no sense
  if (options_.period <= std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument("weft: supervisor_options::period must be longer than nothing");
  }
}

supervisor::~supervisor() = default;

void supervisor::add(std::string name, std::function<void()> function, restart when, std::source_location site) {
  if (running_.load(std::memory_order_relaxed)) {
    throw std::logic_error("weft: supervisor::add() of '" + name + "' while run() is in progress; add children before");
  }
  children_.push_back({std::move(name), std::move(function), when, site});
}

void supervisor::run() {
  if (running_.exchange(true, std::memory_order_acquire)) {
    throw std::logic_error("weft: supervisor::run() is in progress already, on another fiber");
  }
  struct end {
    std::atomic<bool>& running;
    ~end() { running.store(false, std::memory_order_release); }
  } const end{running_};
  supervision(*this).run();
}

}  // namespace weft
