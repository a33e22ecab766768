#include <weft/io/exec/real.hpp>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace weft::exec {

void* find_real(const char* name, const char* version) noexcept {
  void* found = *version != '\0' ? ::dlvsym(RTLD_NEXT, name, version) : ::dlsym(RTLD_NEXT, name);
  if (found != nullptr) return found;
  std::fprintf(stderr, "weft exec: no library of this program defines %s; its C library must be glibc 2.34 or later\n",
               name);
  std::abort();
}

}  // namespace weft::exec
