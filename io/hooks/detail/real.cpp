#include <weft/io/hooks/detail/real.hpp>

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace weft::io::hooks {

namespace {

// A sanitizer in the program itself has a function of its own before most of those that have hooks. It must go on to be called, or it would not know of
// locks that are taken and memory that is written.
void* find_interceptor([[maybe_unused]] const char* name) noexcept {
#ifdef WEFT_HOOKS_SANITIZED
  std::array<char, 128> interceptor;
  std::snprintf(interceptor.data(), interceptor.size(), "__interceptor_%s", name);
  return ::dlsym(RTLD_DEFAULT, interceptor.data());
#else
  return nullptr;
#endif
}

}  // namespace

void* find_real(const char* name, const char* version) noexcept {
  void* found = find_interceptor(name);
  if (found == nullptr) found = *version != '\0' ? ::dlvsym(RTLD_NEXT, name, version) : ::dlsym(RTLD_NEXT, name);
  if (found != nullptr) return found;
  std::fprintf(stderr,
               "weft: hooks: no library that comes after this one defines %s: the C library must be linked dynamically "
               "(glibc 2.34 or later)\n",
               name);
  std::abort();
}

}  // namespace weft::io::hooks
