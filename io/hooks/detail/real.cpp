#include <weft/io/hooks/detail/real.hpp>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace weft::io::hooks {

void* find_real(const char* name, const char* version) noexcept {
  void* found = *version != '\0' ? ::dlvsym(RTLD_NEXT, name, version) : ::dlsym(RTLD_NEXT, name);
  if (found != nullptr) return found;
  std::fprintf(stderr,
               "weft: hooks: no library that comes after this one defines %s: the C library must be linked dynamically "
               "(glibc 2.34 or later)\n",
               name);
  std::abort();
}

}  // namespace weft::io::hooks
