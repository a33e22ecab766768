// Watches a runtime's workers from a thread of its own, for what they cannot notice themselves: that the fiber they run blocks the
// thread in the kernel without having said so (blocking() says so), or computes for long without giving way. Others then wait
// behind it although CPUs may be idle. The remedy is a spare worker, which steals from the stuck one; Go's sysmon and its
// hand-off of a P are the model. What has completed on its driver meanwhile is rescued. It also has the number of workers follow that of the CPUs, unless the options give it.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <weft/scheduler/detail/cpu_count.hpp>
#include <weft/scheduler/stall.hpp>

namespace weft::detail {

class runtime_core;
class worker;
struct stall_finding;

class monitor {
 public:
  using clock = std::chrono::steady_clock;

  explicit monitor(runtime_core& runtime) noexcept : runtime_(&runtime) {}
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;

  // From now on it is to watch. Its thread is for whoever waits for a fiber to start(), when the first look is due: a run that is over before then
  // does without, which spares it a tenth of its time.
  void arm(bool follows_cpus) noexcept;
  // Not later than then; none if the thread is there, or not wanted.
  [[nodiscard]] std::optional<clock::time_point> due() noexcept;
  // Does nothing if it is there. Where no thread is to be had it is due again some time later.
  void start() noexcept;
  // Before the workers stop, when nobody waits for a fiber any more.
  void stop() noexcept;

  // A worker has come out of its sleep. While all sleep for long the monitor sleeps, too.
  void worker_woke() noexcept {
    if (asleep_.load(std::memory_order_seq_cst)) [[unlikely]]
      wake();
  }

  // How many of the spare workers are to work: those with the lowest indices.
  [[nodiscard]] unsigned spares_on_duty() const noexcept { return on_duty_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t blocks_noticed() const noexcept { return blocks_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rescues() const noexcept { return rescues_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t hogs_noticed() const noexcept { return hogs_.load(std::memory_order_relaxed); }

 private:
  // What was seen of one worker, and since when it has not changed.
  struct sighting {
    std::uint64_t progress = 0;
    clock::time_point since;
    std::int64_t cpu_time = 0;  // of its thread then, in nanoseconds
    bool delays_others = false;
    bool noticed = false;
    bool to_report = false;
    stall_kind kind{};
  };
  // The workers that count now, the stuck ones by what they are stuck in.
  struct census {
    unsigned working = 0;
    unsigned blocked = 0;
    unsigned computing = 0;
    bool work_waits = false;    // beside a blocked worker, or that no worker has taken
    bool waiters_wait = false;  // fibers that had waited, or timers: what is short of latency, not of CPU
  };

  void begin(bool inherits_mask) noexcept;
  void watch() noexcept;
  bool wait(std::unique_lock<std::mutex>& guard);
  void wake() noexcept;
  void look(clock::time_point now) noexcept;
  [[nodiscard]] static sighting sight(const worker& w, clock::time_point now) noexcept;
  void look_at(worker& w, sighting& seen, clock::time_point now, census& c) noexcept;
  void notice(sighting& seen, stall_kind kind, std::atomic<std::uint64_t>& count) noexcept;
  void report(const worker& w, sighting& seen, clock::time_point now) noexcept;
  [[nodiscard]] bool is_news(const stall_finding& finding);
  void staff(const census& c, clock::time_point now) noexcept;
  void send_spare() noexcept;
  void follow_cpus(clock::time_point now) noexcept;
  void employ(unsigned wanted) noexcept;

  runtime_core* const runtime_;
  std::thread thread_;
  std::mutex mutex_;
  std::optional<clock::time_point> due_;
  bool follows_cpus_ = false;
  // Of the thread that made the runtime: the monitor and the spares run where it may, whoever starts them.
  std::thread::id maker_;
  cpu_set_t makers_mask_{};
  std::condition_variable changed_;
  bool stopping_ = false;
  std::atomic<bool> asleep_{false};
  unsigned quiet_ = 0;  // looks in a row that found all asleep
  std::vector<sighting> sightings_;
  clock::time_point spare_needed_;
  clock::time_point alarmed_until_;
  std::optional<cpu_counter> cpus_;  // none where their number does not matter
  clock::time_point cpus_due_;
  std::set<std::string> places_reported_;  // with their stacks
  std::set<std::string> tasks_reported_;   // by where they were spawned
  std::set<std::string> unseen_places_;    // tasks that were reported, or nearly, without a stack
  std::atomic<unsigned> on_duty_{0};
  std::atomic<std::uint64_t> blocks_{0}, hogs_{0}, rescues_{0};
};

}  // namespace weft::detail
