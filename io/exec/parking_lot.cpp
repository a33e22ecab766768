#include <weft/io/exec/parking_lot.hpp>

#include <array>
#include <mutex>
#include <optional>

#include <weft/io/exec/program_thread.hpp>

namespace weft::exec {

struct alignas(64) lot_bucket {
  spin_lock lock;
  std::atomic<int> waiting{0};
  lot_waiter* first = nullptr;
  lot_waiter* last = nullptr;

  void append(lot_waiter& w) noexcept {
    w.previous_ = last;
    (last != nullptr ? last->next_ : first) = &w;
    last = &w;
    waiting.fetch_add(1, std::memory_order_seq_cst);
  }
  void remove(lot_waiter& w) noexcept {
    (w.previous_ != nullptr ? w.previous_->next_ : first) = w.next_;
    (w.next_ != nullptr ? w.next_->previous_ : last) = w.previous_;
    w.listed_ = false;
    waiting.fetch_sub(1, std::memory_order_relaxed);
  }
};

namespace {

constexpr unsigned bucket_bits = 10;
std::array<lot_bucket, 1U << bucket_bits> lot;

lot_bucket& bucket_of(const void* address) noexcept {
  constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
  return lot[((reinterpret_cast<std::uintptr_t>(address) >> 2) * golden_ratio) >> (64 - bucket_bits)];
}

constexpr wait_kind program_wait{.name = "the program's own lock or futex", .threads_may_wait = true};
constexpr wait_kind program_sleep{.name = "sleep of the program", .threads_may_wait = true};

// While it exists, interrupt() finds the thread's wait.
class interruptible_wait {
 public:
  interruptible_wait(program_thread* self, const ticket& waiting) noexcept : self_(self) { set(waiting); }
  ~interruptible_wait() { set({}); }
  interruptible_wait(const interruptible_wait&) = delete;
  interruptible_wait& operator=(const interruptible_wait&) = delete;

  // After it has become visible.
  [[nodiscard]] bool is_due() const noexcept {
    return self_ != nullptr && (must_cancel(*self_) || must_handle_signal(*self_));
  }

 private:
  void set(const ticket& t) noexcept {
    if (self_ == nullptr) return;
    const std::lock_guard guard(self_->lock);
    self_->interruptible = t;
  }
  program_thread* self_;
};

}  // namespace

lot_waiter::lot_waiter(const void* address, std::uint32_t bits) noexcept : address_(address), bits_(bits) {
  lot_bucket& b = bucket_of(address_);
  const std::lock_guard guard(b.lock);
  b.append(*this);
}

lot_waiter::~lot_waiter() { withdraw(); }

bool lot_waiter::withdraw() noexcept {
  if (settled_) return woken_;
  lot_bucket& b = bucket_of(address_);
  const std::lock_guard guard(b.lock);
  return settle(b);
}

// With the bucket locked.
bool lot_waiter::settle(lot_bucket& b) noexcept {
  settled_ = true;
  woken_ = !listed_;
  if (listed_) b.remove(*this);
  return woken_;
}

lot_waiter::end lot_waiter::sleep(time_point limit, bool interruptible) noexcept {
  program_thread* self = interruptible ? this_program_thread() : nullptr;
  end how = end::woken;
  on_runtime_side([&]() noexcept {
    parker waiting(program_wait, address_, parker::cancellation::ignored);
    lot_bucket& b = bucket_of(address_);
    const interruptible_wait visible(self, waiting.id());
    {
      const std::lock_guard guard(b.lock);
      if (!listed_ || visible.is_due()) {
        how = settle(b) ? end::woken : end::interrupted;
        return;
      }
      who_ = waiting.id();
    }
    // Without the lock: on the way the scheduler may free locks of its own, whose waiters it would look for in this bucket.
    const wake why = waiting.park_until(limit, [] {});
    const std::lock_guard guard(b.lock);
    if (!settle(b)) how = why == wake::timed_out ? end::timed_out : end::interrupted;
  });
  return how;
}

int wake_waiters(const void* address, int count, std::uint32_t bits) noexcept {
  lot_bucket& b = bucket_of(address);
  int woken = 0;
  for (;;) {
    std::array<ticket, 32> sleepers;
    std::size_t n = 0;
    bool all = true;
    b.lock.lock();
    for (lot_waiter* w = b.first; w != nullptr && woken < count;) {
      lot_waiter* next = w->next_;
      if (w->address_ == address && (w->bits_ & bits) != 0) {
        if (n == sleepers.size()) {
          all = false;
          break;
        }
        sleepers[n++] = w->who_;  // empty, if it does not sleep yet
        b.remove(*w);
        ++woken;
      }
      w = next;
    }
    b.lock.unlock();
    if (n > 0) {
      on_runtime_side([&]() noexcept {
        for (std::size_t i = 0; i < n; ++i) sleepers[i].signal();
      });
    }
    if (all) return woken;
  }
}

bool somebody_waits(const void* address) noexcept {
  return bucket_of(address).waiting.load(std::memory_order_seq_cst) != 0;
}

lot_waiter::end sleep_until(time_point limit) noexcept {
  program_thread* self = this_program_thread();
  lot_waiter::end how = lot_waiter::end::interrupted;
  on_runtime_side([&]() noexcept {
    parker waiting(program_sleep, nullptr, parker::cancellation::ignored);
    const interruptible_wait visible(self, waiting.id());
    if (visible.is_due()) return;
    if (waiting.park_until(limit, [] {}) == wake::timed_out) how = lot_waiter::end::timed_out;
  });
  return how;
}

void interrupt(program_thread& t) noexcept {
  on_runtime_side([&]() noexcept {
    ticket waiting;
    {
      const std::lock_guard guard(t.lock);
      waiting = t.interruptible;
      if (t.waits) t.waits.interrupt();
    }
    waiting.signal();
  });
}

void empty_lot_after_fork() noexcept {
  for (lot_bucket& b : lot) {
    b.lock.unlock();
    b.waiting.store(0, std::memory_order_relaxed);
    b.first = b.last = nullptr;
  }
}

}  // namespace weft::exec
