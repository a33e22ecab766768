#include <weft/wasm/instance_pool.hpp>

#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weft/scheduler/spin_lock.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/wasm/guest.hpp>

namespace weft::wasm {

class instance_pool::state {
 public:
  struct rested {
    std::unique_ptr<instance> what;
    std::uint64_t uses;
  };

  state(module m, guest_options options, pool_options pool)
      : module_(std::move(m)), options_(std::move(options)), pool_(pool), places_(pool.size) {
    if (pool_.size == 0) throw std::invalid_argument("a pool of instances needs room for one at least");
    at_rest_.reserve(pool_.size);
    static_cast<void>(guest(module_, options_));  // says what is wrong with them now
  }

  // With a permit; the caller gives it back if this throws.
  rested take() {
    {
      const std::lock_guard guard(lock_);
      if (!at_rest_.empty()) {
        rested warm = std::move(at_rest_.back());  // the one used last: what it touches may still be in the caches
        at_rest_.pop_back();
        return warm;
      }
    }
    rested fresh{.what = std::make_unique<instance>(module_, options_), .uses = 0};
    const std::lock_guard guard(lock_);
    ++made_;
    return fresh;
  }

  std::unique_ptr<instance> put_back(std::unique_ptr<instance> what, std::uint64_t uses) noexcept {
    const std::lock_guard guard(lock_);
    if (!what->usable()) {
      ++thrown_away_;
    } else if (pool_.uses == 0 || uses < pool_.uses) {
      at_rest_.push_back({.what = std::move(what), .uses = uses});
    }
    return what;
  }

  [[nodiscard]] counting_semaphore<>& places() noexcept { return places_; }

  [[nodiscard]] pool_statistics statistics() {
    const std::lock_guard guard(lock_);
    return {.in_use = in_use_,
            .at_rest = static_cast<unsigned>(at_rest_.size()),
            .made = made_,
            .thrown_away = thrown_away_};
  }
  void count(int more) noexcept {
    const std::lock_guard guard(lock_);
    in_use_ += static_cast<unsigned>(more);
  }

 private:
  const module module_;
  const guest_options options_;
  const pool_options pool_;
  counting_semaphore<> places_;
  spin_lock lock_;
  std::vector<rested> at_rest_;
  unsigned in_use_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t thrown_away_ = 0;
};

instance_pool::instance_pool(module m, guest_options options, pool_options pool)
    : state_(std::make_shared<state>(std::move(m), std::move(options), pool)) {}
instance_pool::~instance_pool() = default;
instance_pool::instance_pool(instance_pool&&) noexcept = default;
instance_pool& instance_pool::operator=(instance_pool&&) noexcept = default;

instance_pool::lease instance_pool::acquire() {
  state_->places().acquire();
  try {
    auto [what, uses] = state_->take();
    state_->count(1);
    return {state_, std::move(what), uses + 1};
  } catch (...) {
    state_->places().release();
    throw;
  }
}

pool_statistics instance_pool::statistics() const { return state_->statistics(); }

instance_pool::lease::lease(std::shared_ptr<state> from, std::unique_ptr<instance> what, std::uint64_t uses) noexcept
    : from_(std::move(from)), instance_(std::move(what)), uses_(uses) {}

instance_pool::lease& instance_pool::lease::operator=(lease&& other) noexcept {
  give_back();
  from_ = std::move(other.from_);
  instance_ = std::move(other.instance_);
  uses_ = other.uses_;
  return *this;
}

instance_pool::lease::~lease() { give_back(); }

void instance_pool::lease::give_back() noexcept {
  if (!instance_) return;
  from_->put_back(std::move(instance_), uses_).reset();
  from_->count(-1);
  from_->places().release();
}

}  // namespace weft::wasm
