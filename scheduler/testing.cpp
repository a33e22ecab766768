#include <weft/scheduler/testing.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/detail/clock.hpp>
#include <weft/scheduler/detail/group_core.hpp>
#include <weft/scheduler/detail/runtime_core.hpp>
#include <weft/scheduler/detail/seeded_run.hpp>
#include <weft/scheduler/detail/service_core.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::testing {

namespace {

options runtime_options(simulation* world) {
  options o;
  o.workers = 1;
  o.backstop = o.spin = std::chrono::nanoseconds(0);
  o.monitor = false;
  if (world != nullptr) o.driver = [world](unsigned) { return world->make_driver(); };
  return o;
}

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const cancelled& c) {
    return c.message();
  } catch (...) {
    return "an exception of another kind";
  }
}

std::optional<std::uint64_t> seed_to_replay() {
  const char* given = std::getenv("WEFT_TESTING_SEED");
  return given != nullptr ? std::optional(std::strtoull(given, nullptr, 0)) : std::nullopt;
}

void print_failure(std::uint64_t seed, const std::string& why) {
  std::fprintf(stderr,
               "weft::testing: the schedule of seed %" PRIu64
               " failed: %s\n"
               "  to replay it: weft::testing::run({.seed = %" PRIu64
               "}, ...), or the same test with WEFT_TESTING_SEED=%" PRIu64 " in its environment\n",
               seed, why.c_str(), seed, seed);
}

// The schedules of one exploration, all of them on one fiber of one runtime, which runs f.
class explorer {
 public:
  explorer(const detail::seeded_run::settings& s, const std::function<void()>& f)
      : run_(s), core_(runtime_options(s.world), &run_), f_(f) {}

  // Calls schedules(), which calls run_schedule(), on the fiber.
  template <class F>
  void on_fiber(F schedules) {
    struct call : detail::root_call {
      F* function;
    } c;
    c.invoke = [](detail::root_call& base) { (*static_cast<call&>(base).function)(); };
    c.function = &schedules;
    core_.run_root(c);
    if (c.error) std::rethrow_exception(c.error);
  }

  // What f ended by: nullptr if it returned.
  std::exception_ptr run_schedule(std::uint64_t seed) {
    detail::worker& worker = *detail::this_worker();
    detail::fiber& self = *worker.current();
    detail::scope& outer = *self.current_scope;
    const auto services = std::make_shared<detail::service_core>();
    const detail::scope_root tree{&core_, services.get()};
    detail::scope root(tree, core_.cancel_epoch);
    detail::enter_scope(root);
    worker.begin_schedule();
    run_.begin(seed, root);
    std::exception_ptr error;
    try {
      const detail::service_core::stay stay(*services, {});
      f_();
    } catch (...) {
      error = std::current_exception();
    }
    error = detail::settle(self, std::move(error));
    run_.end();
    detail::leave_scope(root, outer);
    while (core_.fibers.size() + core_.tasks.size() > 0) worker.yield();  // hosts that have not yet gone to rest
    return run_.verdict().empty() ? error : std::make_exception_ptr(stuck_error(run_.verdict()));
  }

  void add_to(report& r) const noexcept {
    ++r.schedules;
    r.switches += run_.switches();
    r.trace = r.trace * 0x100000001b3 + run_.trace();
  }

 private:
  detail::seeded_run run_;
  detail::runtime_core core_;
  const std::function<void()>& f_;
};

report explore_seeds(explore_options o, bool print, const std::function<void()>& f) {
  report r;
  explorer e({.most_switches = o.most_switches, .late_timers = o.late_timers, .print = print, .world = o.world}, f);
  e.on_fiber([&] {
    for (std::uint64_t seed = o.seed; r.schedules < o.schedules && !r.failing_seed; ++seed) {
      const std::exception_ptr error = e.run_schedule(seed);
      e.add_to(r);
      if (error != nullptr) {
        print_failure(seed, describe(error));
        std::rethrow_exception(error);
      }
      if (o.failed && o.failed()) {
        print_failure(seed, "the test says so");
        r.failing_seed = seed;
      }
    }
  });
  return r;
}

}  // namespace

report explore(const explore_options& o, const std::function<void()>& f) {
  explore_options chosen = o;
  const std::optional<std::uint64_t> replay = seed_to_replay();
  if (replay) {
    chosen.seed = *replay;
    chosen.schedules = 1;
  }
  return explore_seeds(std::move(chosen), replay.has_value(), f);
}

report run(const run_options& o, const std::function<void()>& f) {
  return explore_seeds({.seed = o.seed,
                        .schedules = 1,
                        .late_timers = o.late_timers,
                        .most_switches = o.most_switches,
                        .world = o.world},
                       o.print, f);
}

std::chrono::steady_clock::time_point now() noexcept { return detail::now(); }

}  // namespace weft::testing
