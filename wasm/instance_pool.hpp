// Instances of one module, kept warm: as many as may run at one time, made when they are first wanted and used again.
//
//   weft::wasm::instance_pool filters{module, {.functions = host}, {.size = 8, .uses = 1000}};
//   {
//     auto filter = filters.acquire();                  // parks while all 8 are out
//     filter->memory().write(0, pixels);
//     filter->call<void(int)>("blur", 3);
//   }                                                   // back into the pool
//
// An instance that has trapped, or whose call was cancelled, is thrown away when it comes back, and so is one that was
// used often enough; the next acquire() makes another. With `uses` 1 each is fresh, so that nothing of one user is left
// for the next.
//
// Any fiber or thread. Whoever waits is served in order of arrival. Costs about 100 ns for one that is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/instance.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm {

struct pool_options {
  unsigned size = 16;      // instances at one time, those at rest included
  std::uint64_t uses = 0;  // of one instance, before it is replaced; 0: as many as there are
};

struct pool_statistics {
  unsigned in_use = 0;
  unsigned at_rest = 0;
  std::uint64_t made = 0;
  std::uint64_t thrown_away = 0;  // because a call of them did not return
};

class instance_pool {
  class state;

 public:
  class lease;

  // Throws module_error as guest does, std::invalid_argument for a pool of no size.
  explicit instance_pool(module m, guest_options options = {}, pool_options pool = {});
  ~instance_pool();
  instance_pool(instance_pool&&) noexcept;
  instance_pool& operator=(instance_pool&&) noexcept;

  // An instance for the caller alone. Parks while all are out, and to make one; a cancellation point. Throws what making
  // an instance throws.
  [[nodiscard]] lease acquire();

  // A snapshot.
  [[nodiscard]] pool_statistics statistics() const;

 private:
  std::shared_ptr<state> state_;
};

// An instance on loan; goes back when it is destroyed, which does not park. May outlive the pool.
class instance_pool::lease {
 public:
  lease(lease&&) noexcept = default;
  lease& operator=(lease&& other) noexcept;
  ~lease();

  [[nodiscard]] instance& operator*() const noexcept { return *instance_; }
  [[nodiscard]] instance* operator->() const noexcept { return instance_.get(); }

 private:
  friend class instance_pool;
  lease(std::shared_ptr<state> from, std::unique_ptr<instance> what, std::uint64_t uses) noexcept;
  void give_back() noexcept;

  std::shared_ptr<state> from_;
  std::unique_ptr<instance> instance_;
  std::uint64_t uses_;
};

}  // namespace weft::wasm
