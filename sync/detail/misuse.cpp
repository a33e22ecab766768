#include <weft/sync/detail/misuse.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

#include <weft/scheduler/caller.hpp>

namespace weft::detail {

void check_holder(const void* holder, const char* kind) {
  if (holder == nullptr || is_on_callers_stack(holder)) return;
  throw std::system_error(
      std::make_error_code(std::errc::operation_not_permitted),
      std::string("weft: a ") + kind +
          " is unlocked by one who does not hold it (a binary_semaphore may be released by anybody)");
}

void die_with_waiters(const char* kind, const void* object, std::size_t waiters) noexcept {
  std::fprintf(stderr,
               "weft: %s %p is destroyed while %zu wait for it, which would be woken by memory that is gone.\n"
               "Let whoever waits end first: make the object before the group whose tasks use it.\n",
               kind, object, waiters);
  std::abort();
}

}  // namespace weft::detail
