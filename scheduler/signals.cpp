#include <weft/scheduler/signals.hpp>

#include <mutex>
#include <stdexcept>
#include <utility>

#include <weft/scheduler/detail/outside_wait.hpp>

namespace weft {

namespace {
constexpr wait_kind waits_for_signal{"signal"};
}

signal_set::signal_set(std::initializer_list<int> numbers) : signal_listener(numbers) {
  detail::signal_hub::instance().add(*this);
}

signal_set::~signal_set() { detail::signal_hub::instance().remove(*this); }

void signal_set::arrived(int number) noexcept {
  ticket waiter;
  {
    std::lock_guard guard(lock_);
    ++pending_[static_cast<std::size_t>(number)];
    waiter = std::exchange(waiting_, {});
  }
  waiter.signal();
}

// Called locked; 0 if none has come.
int signal_set::take() noexcept {
  for (std::size_t number = 1; number < pending_.size(); ++number) {
    if (pending_[number] == 0) continue;
    --pending_[number];
    return static_cast<int>(number);
  }
  return 0;
}

// One fiber's stay in wait().
class signal_set::turn {
 public:
  explicit turn(signal_set& set) : set_(set) {
    std::lock_guard guard(set_.lock_);
    if (std::exchange(set_.awaited_, true)) {
      throw std::logic_error("weft: another fiber waits for this signal_set; give each its own");
    }
  }
  ~turn() {
    std::lock_guard guard(set_.lock_);
    set_.waiting_ = {};
    set_.awaited_ = false;
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  signal_set& set_;
};

int signal_set::wait() {
  const turn ours(*this);
  const detail::outside_wait outside;
  for (;;) {
    parker self(waits_for_signal, this);
    lock_.lock();
    if (const int number = take(); number != 0) {
      lock_.unlock();
      return number;
    }
    waiting_ = self.id();
    if (self.park([this] { lock_.unlock(); }) == wake::cancelled) throw_cancelled();
  }
}

}  // namespace weft
