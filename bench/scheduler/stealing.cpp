// Steals that repeat to the instruction, for bench/ratchet: the owner's thread is blocked while the thief works, and the thief's while the owner
// makes more, so that nobody looks for work in vain.
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/this_fiber.hpp>

#include "../harness/harness.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

// Blocks the thread at once; a semaphore would spin before.
class turnstile {
 public:
  turnstile() { require(::pipe(ends_.data()) == 0, "no pipe"); }
  ~turnstile() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  turnstile(const turnstile&) = delete;
  turnstile& operator=(const turnstile&) = delete;

  void pass() {
    char c = 0;
    require(::read(ends_[0], &c, 1) == 1, "a pipe has ended");
  }
  void open() { require(::write(ends_[1], "x", 1) == 1, "a pipe is closed"); }

 private:
  std::array<int, 2> ends_{};
};

struct two_threads {
  turnstile owner;
  turnstile thief;
  // On the thief's thread, which stays here until there is more to steal.
  void hold_thief() {
    owner.open();
    thief.pass();
  }
  // On the owner's.
  void let_thief_work() {
    thief.open();
    owner.pass();
  }
};

template <class F>
double on_owner_and_thief(unsigned workers, F&& f) {
  require(workers == 2, "a steal is made for two workers");
  return weft::run({.workers = 2, .backstop = {}, .spin = {}, .monitor = false}, f);
}

// Thieves take the oldest first, so the last task of a batch is the one that holds the thread.
void have_tasks_stolen(long n) {
  constexpr long batch = 1000;
  two_threads threads;
  weft::group g;
  const auto hold = [&threads] { threads.hold_thief(); };
  g.spawn(hold);
  threads.owner.pass();
  for (long done = 0; done < n; done += batch) {
    for (long i = 1; i < batch; ++i) g.spawn([] {});
    g.spawn(hold);
    threads.let_thief_work();
  }
  threads.thief.open();
}

// Fibers that park again and again. Of those that the owner wakes all but the last are in its ring; that one is in its run-next slot until the
// next batch displaces it. The last fiber that the thief runs holds the thread.
class parking_fibers {
 public:
  void have_stolen(long n) {
    weft::group g;
    g.spawn([this] { threads_.hold_thief(); });
    threads_.owner.pass();
    for (std::size_t i = 0; i < count; ++i) g.spawn([this] { park_repeatedly(); });
    while (parked_.size() < count) weft::yield();
    for (long done = 0; done < n; done += batch_) {
      batch_ = static_cast<long>(parked_.size()) - (done == 0 ? 1 : 0);
      to_come_ = batch_;
      wake_all();
      threads_.let_thief_work();
    }
    over_ = true;
    to_come_ = 0;  // counts no more
    wake_all();
    threads_.thief.open();
  }

 private:
  static constexpr std::size_t count = 200;  // fewer than a ring holds

  void park_repeatedly() {
    while (!over_) {
      {
        weft::parker self;
        parked_.push_back(self.id());
        self.park();
      }
      if (--to_come_ == 0) threads_.hold_thief();
    }
  }
  void wake_all() {
    for (const weft::ticket& t : std::exchange(parked_, {})) t.signal();
  }

  two_threads threads_;
  std::vector<weft::ticket> parked_;
  long batch_ = 0;
  long to_come_ = 0;
  bool over_ = false;
};

}  // namespace

// Spawned on one worker, stolen and run by the other.
double steal_task(unsigned workers, long size) {
  return on_owner_and_thief(workers, [size] { return nanoseconds_each(size, have_tasks_stolen); });
}

// Woken on one worker, stolen and resumed by the other, parked again there.
double steal_fiber(unsigned workers, long size) {
  return on_owner_and_thief(workers, [size] {
    return nanoseconds_each(size, [](long n) { std::make_unique<parking_fibers>()->have_stolen(n); });
  });
}

}  // namespace bench
