#include <weft/sync/detail/misuse.hpp>

#include <cstdio>
#include <cstdlib>

namespace weft::detail {

void die_with_waiters(const char* kind, const void* object, std::size_t waiters) noexcept {
  std::fprintf(stderr,
               "weft: %s %p is destroyed while %zu wait for it, which would be woken by memory that is gone.\n"
               "Let whoever waits end first: make the object before the group whose tasks use it.\n",
               kind, object, waiters);
  std::abort();
}

}  // namespace weft::detail
