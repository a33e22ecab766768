// What worker.hpp relies on in Boost.Fiber, asked of Boost.Fiber itself with a small algorithm that keeps a log. Another version
// that behaves otherwise fails here rather than in a switch.
#include <cxxabi.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <boost/fiber/all.hpp>
#include <boost/fiber/scheduler.hpp>
#include <cfenv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <support.hpp>

namespace weft {
namespace {

using boost::fibers::context;
using boost::fibers::launch;

// Stacks that know their bounds.
struct stack_range {
  char* low = nullptr;
  char* high = nullptr;
  [[nodiscard]] bool holds(const void* p) const { return p >= low && p < high; }
};

class known_stack {
 public:
  explicit known_stack(stack_range& range, int* live = nullptr) : range_(&range), live_(live) {}
  boost::context::stack_context allocate() {
    constexpr std::size_t size = 128 << 10;
    boost::context::stack_context c;
    char* low = static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    c.size = size;
    c.sp = low + size;
    *range_ = {low, low + size};
    if (live_ != nullptr) ++*live_;
    return c;
  }
  void deallocate(boost::context::stack_context& c) noexcept {
    if (live_ != nullptr) --*live_;
    ::munmap(static_cast<char*>(c.sp) - c.size, c.size);
  }

 private:
  stack_range* range_;
  int* live_;
};

[[gnu::noinline]] const void* here() { return __builtin_frame_address(0); }

enum class call { awakened, picked, picked_null, suspended, notified };

struct event {
  call what;
  context* concerned;      // the context awakened or picked
  context* active;         // Boost's idea of who runs
  const void* stack;       // on which stack the call ran
  bool resumable = false;  // awakened: its registers are saved
  bool attached = false;   // awakened: it belongs to this thread's scheduler
  std::thread::id thread = std::this_thread::get_id();
};

// First in, first out; the dispatcher is the answer of last resort, null the answer to the dispatcher.
class logging_algorithm : public boost::fibers::algo::algorithm {
 public:
  void awakened(context* c) noexcept override {
    events.push_back({call::awakened, c, context::active(), here(), c->is_resumable(), c->get_scheduler() != nullptr});
    if (c->is_context(boost::fibers::type::dispatcher_context)) {
      dispatcher = c;
    } else {
      ready.push_back(c);
    }
  }
  context* pick_next() noexcept override {
    context* c = nullptr;
    if (!ready.empty()) {
      c = ready.front();
      ready.pop_front();
    } else if (context::active() != dispatcher) {
      c = dispatcher;
    }
    events.push_back({c != nullptr ? call::picked : call::picked_null, c, context::active(), here()});
    return c;
  }
  [[nodiscard]] bool has_ready_fibers() const noexcept override { return !ready.empty(); }
  void suspend_until(const std::chrono::steady_clock::time_point&) noexcept override {
    events.push_back({call::suspended, nullptr, context::active(), here()});
    std::unique_lock guard(mutex);
    changed.wait(guard, [this] { return told; });
    told = false;
  }
  void notify() noexcept override {
    std::lock_guard guard(mutex);
    notifications.push_back(std::this_thread::get_id());
    told = true;
    changed.notify_one();
  }

  [[nodiscard]] std::size_t count(call what) const {
    std::size_t n = 0;
    for (const event& e : events) n += e.what == what ? 1 : 0;
    return n;
  }

  std::vector<event> events;
  std::deque<context*> ready;
  context* dispatcher = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  bool told = false;
  std::vector<std::thread::id> notifications;
};

// Runs body on a thread of its own whose fibers the algorithm schedules.
template <class Body>
void on_a_thread_with(boost::intrusive_ptr<logging_algorithm> algorithm, Body body) {
  std::thread thread([&] {
    context::active()->get_scheduler()->set_algo(algorithm.get());
    body(*algorithm);
  });
  thread.join();
}
template <class Body>
void on_a_thread(Body body) {
  boost::intrusive_ptr<logging_algorithm> algorithm(new logging_algorithm);
  on_a_thread_with(algorithm, body);
}

TEST(boost_contracts, the_dispatcher_is_made_known_by_set_algo) {
  on_a_thread([](logging_algorithm& a) {
    ASSERT_EQ(a.events.size(), 1U);
    EXPECT_EQ(a.events[0].what, call::awakened);
    ASSERT_NE(a.dispatcher, nullptr);
    EXPECT_TRUE(a.dispatcher->is_context(boost::fibers::type::pinned_context));
    EXPECT_TRUE(context::active()->is_context(boost::fibers::type::pinned_context)) << "and so is main";
    EXPECT_FALSE(context::active()->is_context(boost::fibers::type::dispatcher_context));
  });
}

TEST(boost_contracts, pick_next_runs_on_the_outgoing_stack_and_awakened_on_the_incoming_one) {
  on_a_thread([](logging_algorithm& a) {
    stack_range one, two;
    auto yielding = [] {
      for (int i = 0; i < 3; ++i) boost::this_fiber::yield();
    };
    boost::fibers::fiber f(launch::post, std::allocator_arg, known_stack(one), yielding);
    boost::fibers::fiber g(launch::post, std::allocator_arg, known_stack(two), yielding);
    context* first = a.ready[0];
    context* second = a.ready[1];
    a.events.clear();
    f.join();
    g.join();
    auto stack_of = [&](context* c) { return c == first ? &one : c == second ? &two : nullptr; };
    int picks = 0;
    int wakes = 0;
    for (const event& e : a.events) {
      if (e.what == call::picked) {
        EXPECT_NE(e.concerned, e.active);
        if (const stack_range* s = stack_of(e.active)) {
          EXPECT_TRUE(s->holds(e.stack)) << "picked on a stack that is not the outgoing fiber's";
          ++picks;
        }
      } else if (e.what == call::awakened && stack_of(e.concerned) != nullptr) {
        EXPECT_NE(e.concerned, e.active);
        EXPECT_TRUE(e.resumable) << "awakened before its registers were saved";
        EXPECT_TRUE(e.attached);
        EXPECT_FALSE(stack_of(e.concerned)->holds(e.stack)) << "awakened while its stack is in use";
        if (const stack_range* s = stack_of(e.active)) {
          EXPECT_TRUE(s->holds(e.stack));
        }
        ++wakes;
      }
    }
    EXPECT_EQ(picks, 2 * 4) << "three yields and an end each";
    EXPECT_EQ(wakes, 2 * 3);
  });
}

TEST(boost_contracts, only_the_dispatcher_is_answered_with_null_and_then_suspends) {
  on_a_thread([](logging_algorithm& a) {
    boost::fibers::promise<int> promise;
    auto future = promise.get_future();
    std::thread setting([&] {
      test::give_way_until([&] {
        std::lock_guard guard(a.mutex);
        return !a.told;
      });
      promise.set_value(3);
    });
    EXPECT_EQ(future.get(), 3);
    setting.join();
    for (const event& e : a.events) {
      if (e.what == call::picked_null || e.what == call::suspended) {
        EXPECT_EQ(e.active, a.dispatcher);
      }
      if (e.what == call::picked) {
        EXPECT_NE(e.concerned, nullptr);
      }
    }
  });
}

TEST(boost_contracts, dispatch_switches_without_asking_whom_to_pick) {
  on_a_thread([](logging_algorithm& a) {
    stack_range stack;
    context* const starter = context::active();
    a.events.clear();
    std::vector<event> until_begun;
    boost::fibers::fiber f(launch::dispatch, std::allocator_arg, known_stack(stack), [&] { until_begun = a.events; });
    f.join();
    ASSERT_EQ(until_begun.size(), 1U) << "more than awakened(starter)";
    EXPECT_EQ(until_begun[0].what, call::awakened);
    EXPECT_EQ(until_begun[0].concerned, starter);
    EXPECT_TRUE(until_begun[0].resumable);
    EXPECT_TRUE(stack.holds(until_begun[0].stack));
  });
}

TEST(boost_contracts, a_new_posted_fiber_is_awakened_by_its_maker) {
  on_a_thread([](logging_algorithm& a) {
    a.events.clear();
    boost::fibers::fiber f(launch::post, [] {});
    ASSERT_EQ(a.events.size(), 1U);
    EXPECT_EQ(a.events[0].what, call::awakened);
    EXPECT_TRUE(a.events[0].resumable);
    EXPECT_EQ(a.events[0].active, context::active());
    f.join();
  });
}

TEST(boost_contracts, a_fiber_that_waits_in_boost_stays_attached) {
  on_a_thread([](logging_algorithm& a) {
    boost::fibers::mutex mutex;
    mutex.lock();
    boost::fibers::fiber f(launch::post, [&] { std::lock_guard<boost::fibers::mutex> guard(mutex); });
    context* waiting = a.ready[0];
    boost::this_fiber::yield();
    EXPECT_TRUE(a.ready.empty()) << "it waits";
    EXPECT_EQ(waiting->get_scheduler(), context::active()->get_scheduler());
    mutex.unlock();
    f.join();
  });
}

TEST(boost_contracts, other_threads_wake_by_notify_and_the_owner_awakens) {
  on_a_thread([](logging_algorithm& a) {
    boost::fibers::mutex mutex;
    boost::fibers::condition_variable changed;
    bool set = false;
    context* const self = context::active();
    std::thread::id foreign;
    a.events.clear();
    std::thread setting([&] {
      foreign = std::this_thread::get_id();
      {
        std::lock_guard<boost::fibers::mutex> guard(mutex);  // free once the fiber waits, or before it does
        set = true;
      }
      changed.notify_one();
    });
    {
      std::unique_lock<boost::fibers::mutex> guard(mutex);
      changed.wait(guard, [&] { return set; });
    }
    setting.join();
    for (const std::thread::id id : a.notifications) EXPECT_EQ(id, foreign);
    for (const event& e : a.events) {
      EXPECT_EQ(e.thread, std::this_thread::get_id()) << "only notify() comes from elsewhere";
      if (e.what == call::awakened && e.concerned == self) {
        EXPECT_TRUE(e.resumable);
      }
    }
  });
}

// Detached in awakened(), handed to another thread, attached there before it is resumed.
class moving_algorithm final : public logging_algorithm {
 public:
  void awakened(context* c) noexcept override {
    if (!c->is_context(boost::fibers::type::pinned_context) && to != nullptr) {
      context::active()->get_scheduler()->detach_worker_context(c);
      EXPECT_EQ(c->get_scheduler(), nullptr);
      std::lock_guard guard(to->mutex);
      to->arrived.push_back(c);
      to->told = true;
      to->changed.notify_one();
      return;
    }
    logging_algorithm::awakened(c);
  }
  context* pick_next() noexcept override {
    {
      std::lock_guard guard(mutex);
      if (!arrived.empty()) {
        context* c = arrived.front();
        arrived.pop_front();
        context::active()->get_scheduler()->attach_worker_context(c);
        return c;
      }
    }
    return logging_algorithm::pick_next();
  }
  moving_algorithm* to = nullptr;
  std::deque<context*> arrived;  // guarded by mutex
};

// Out of line: pthread_self() is declared as a constant, so its result may be kept across a switch.
[[gnu::noinline, gnu::noclone]] std::thread::id this_thread_now() {
  asm volatile("");
  return std::this_thread::get_id();
}

TEST(boost_contracts, a_fiber_may_be_detached_and_resumed_on_another_thread) {
  boost::intrusive_ptr<moving_algorithm> here_algorithm(new moving_algorithm);
  boost::intrusive_ptr<moving_algorithm> there_algorithm(new moving_algorithm);
  std::atomic<bool> ended{false};
  std::atomic<bool> ready{false};
  std::thread there([&] {
    context::active()->get_scheduler()->set_algo(there_algorithm.get());
    ready.store(true);
    while (!ended.load()) boost::this_fiber::yield();
  });
  test::give_way_until([&] { return ready.load(); });
  std::thread::id before, after;
  on_a_thread_with(here_algorithm, [&](logging_algorithm&) {
    boost::fibers::fiber f(launch::post, [&] {
      int local = 42;
      before = this_thread_now();
      here_algorithm->to = there_algorithm.get();
      boost::this_fiber::yield();
      after = this_thread_now();
      EXPECT_EQ(local, 42);
      ended.store(true);
    });
    f.detach();
    while (!ended.load()) boost::this_fiber::yield();
  });
  there.join();
  EXPECT_NE(before, after);
}

struct flagged_properties : boost::fibers::fiber_properties {
  explicit flagged_properties(bool& gone) : fiber_properties(nullptr), gone_(&gone) {}
  ~flagged_properties() override { *gone_ = true; }
  bool* gone_;
};

TEST(boost_contracts, a_worker_context_that_nobody_holds_is_freed_after_its_end_with_its_properties) {
  int live_stacks = 0;
  bool properties_gone = false;
  bool ran = false;
  on_a_thread([&](logging_algorithm& a) {
    stack_range stack;
    auto* properties = new flagged_properties(properties_gone);
    context* made = boost::fibers::make_worker_context_with_properties(
                        launch::post, properties, known_stack(stack, &live_stacks), [&] { ran = true; })
                        .get();
    EXPECT_EQ(made->get_properties(), properties);
    EXPECT_EQ(live_stacks, 1);
    context::active()->get_scheduler()->attach_worker_context(made);
    a.ready.push_back(made);
    boost::this_fiber::yield();
    EXPECT_TRUE(ran);
    // The dispatcher releases what has ended when it is visited next.
    for (int i = 0; i < 3 && live_stacks > 0; ++i) {
      a.ready.push_back(context::active());
      a.dispatcher->resume();
    }
    EXPECT_EQ(live_stacks, 0);
    EXPECT_TRUE(properties_gone);
  });
}

TEST(boost_contracts, main_and_dispatcher_delete_their_properties) {
  bool main_gone = false;
  bool dispatcher_gone = false;
  on_a_thread([&](logging_algorithm& a) {
    context::active()->set_properties(new flagged_properties(main_gone));
    a.dispatcher->set_properties(new flagged_properties(dispatcher_gone));
  });
  EXPECT_TRUE(main_gone);
  EXPECT_TRUE(dispatcher_gone);
}

TEST(boost_contracts, the_algorithm_is_asked_once_more_when_the_thread_ends) {
  boost::intrusive_ptr<logging_algorithm> algorithm(new logging_algorithm);
  on_a_thread_with(algorithm, [](logging_algorithm& a) { a.events.clear(); });
  EXPECT_EQ(algorithm->count(call::picked), 1U) << "main waits for the dispatcher to end";
}

// Boost.Context does not switch the C++ runtime's exception state; the worker does. Were this to change, it would be done twice.
TEST(boost_contracts, exception_state_stays_with_the_thread) {
  on_a_thread([](logging_algorithm&) {
    bool seen_by_other = false;
    boost::fibers::fiber f(launch::post, [&] {
      try {
        throw 1;
      } catch (int) {
        boost::this_fiber::yield();
      }
    });
    boost::fibers::fiber g(launch::post, [&] { seen_by_other = std::current_exception() != nullptr; });
    f.join();
    g.join();
    EXPECT_TRUE(seen_by_other);
    EXPECT_EQ(std::current_exception(), nullptr);
  });
}

TEST(boost_contracts, rounding_mode_is_switched_by_boost_and_inherited_by_new_contexts) {
  on_a_thread([](logging_algorithm&) {
    int seen_by_other = -1;
    int seen_after_switch = -1;
    int inherited = -1;
    boost::fibers::fiber other(launch::post, [&] { seen_by_other = std::fegetround(); });
    boost::fibers::fiber f(launch::post, [&] {
      std::fesetround(FE_UPWARD);
      boost::fibers::fiber made_now(launch::post, [&] { inherited = std::fegetround(); });
      boost::this_fiber::yield();
      seen_after_switch = std::fegetround();
      made_now.join();
    });
    f.join();
    other.join();
    EXPECT_EQ(seen_by_other, FE_TONEAREST);
    EXPECT_EQ(seen_after_switch, FE_UPWARD);
    EXPECT_EQ(inherited, FE_UPWARD) << "why make_host() sets the control words before it makes a fiber";
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
  });
}

}  // namespace
}  // namespace weft
