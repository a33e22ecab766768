#include <weft/io/exec/glibc.hpp>

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <sys/auxv.h>

#include <array>
#include <cstring>

namespace weft::exec {

namespace {

// From the debug information of each library (for 2.36: Debian's libc6-dbg); the size is checked at run time.
constexpr std::array layouts{glibc_layout{
    .version = "2.36",
    .size = 2368,
    .tcb = 0,
    .dtv = 8,
    .self = 16,
    .multiple_threads = 24,
    .stack_guard = 40,
    .pointer_guard = 48,
    .feature_1 = 72,
    .list = 704,
    .tid = 720,
    .robust_previous = 728,
    .robust_head = 736,
    .cleanup = 760,
    .cleanup_jump = 768,
    .cancel_handling = 776,
    .first_specifics = 784,
    .specifics = 1296,
    .specific_used = 1552,
    .user_stack = 1554,
    .join_id = 1568,
    .result = 1576,
    .stack_block = 1680,
    .stack_block_size = 1688,
    .guard_size = 1696,
    .reported_guard_size = 1704,
    .resolver_state = 1720,
    .rseq = 2336,
    .stack_cache_lock = 4328,
}};

constexpr unsigned long fsgsbase = 2;  // of AT_HWCAP2: programs may set the thread pointer without a system call

glibc found;

template <class T>
T symbol(const char* name) noexcept {
  return reinterpret_cast<T>(::dlsym(RTLD_DEFAULT, name));
}

int find_own_tls(dl_phdr_info* info, std::size_t, void*) noexcept {
  if (std::strstr(info->dlpi_name, "/libc.so.6") == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
    found.own_tls_size = info->dlpi_phdr[i].p_memsz;
    found.own_tls = static_cast<char*>(info->dlpi_tls_data) - thread_pointer();
  }
  return 1;
}

const glibc_layout* layout_of_this_library() noexcept {
  const auto* size = symbol<const unsigned*>("_thread_db_sizeof_pthread");
  for (const glibc_layout& l : layouts) {
    if (size != nullptr && *size == l.size && std::strcmp(l.version, ::gnu_get_libc_version()) == 0) return &l;
  }
  return nullptr;
}

bool find_functions() noexcept {
  const auto* user_stacks = symbol<const unsigned*>("_thread_db_rtld_global__dl_stack_user");
  const auto tls_size = symbol<void (*)(std::size_t*, std::size_t*)>("_dl_get_tls_static_info");
  found.loader_state = symbol<char*>("_rtld_global");
  found.allocate_tls = symbol<decltype(found.allocate_tls)>("_dl_allocate_tls");
  found.initialise_tls = symbol<decltype(found.initialise_tls)>("_dl_allocate_tls_init");
  found.initialise_ctype = symbol<decltype(found.initialise_ctype)>("__ctype_init");
  found.run_tls_destructors = symbol<decltype(found.run_tls_destructors)>("__call_tls_dtors");
  if (user_stacks == nullptr || tls_size == nullptr || found.loader_state == nullptr || found.allocate_tls == nullptr ||
      found.initialise_tls == nullptr || found.initialise_ctype == nullptr || found.run_tls_destructors == nullptr) {
    return false;
  }
  found.user_stacks = user_stacks[2];  // size in bits, number, offset
  tls_size(&found.static_tls_size, &found.static_tls_alignment);
  ::dl_iterate_phdr(&find_own_tls, nullptr);
  if (char* resolver = symbol<char*>("__resp")) found.resolver_pointer = resolver - thread_pointer();
  return found.own_tls_size != 0;
}

std::string examine() {
  if ((::getauxval(AT_HWCAP2) & fsgsbase) == 0) {
    return "the processor or kernel does not let programs set their thread pointer (no FSGSBASE)";
  }
  found.at = layout_of_this_library();
  if (found.at == nullptr) {
    std::string known;
    for (const glibc_layout& l : layouts) known += std::string(known.empty() ? "" : ", ") + l.version;
    return std::string("its C library is glibc ") + ::gnu_get_libc_version() +
           ", whose thread blocks are not known; known are those of " + known;
  }
  if (!find_functions()) return "its C library lacks functions that make thread blocks";
  return {};
}

}  // namespace

const std::string& glibc::why_not() noexcept {
  static const std::string reason = examine();
  return reason;
}

const glibc& glibc::instance() noexcept { return found; }

}  // namespace weft::exec
