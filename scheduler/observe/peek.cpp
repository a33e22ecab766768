#include <weft/scheduler/observe/peek.hpp>

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace weft::detail {

namespace {
constexpr std::size_t most_text = 200;
constexpr std::size_t page = 4096;
}  // namespace

// As a plain system call: sanitizers would take a library function's read for one of the program's.
bool peek(const void* from, void* to, std::size_t size) noexcept {
  const iovec local{to, size};
  const iovec remote{const_cast<void*>(from), size};
  return ::syscall(SYS_process_vm_readv, ::getpid(), &local, 1UL, &remote, 1UL, 0UL) == static_cast<long>(size);
}

// Page by page: the text may end just before memory that is not there.
std::string peek_text(const char* from, std::size_t size) {
  std::string text;
  const std::size_t wanted = std::min(size, most_text);
  while (from != nullptr && text.size() < wanted) {
    char part[most_text];
    const char* at = from + text.size();
    const std::size_t to_page_end = page - reinterpret_cast<std::uintptr_t>(at) % page;
    const std::size_t n = std::min(wanted - text.size(), to_page_end);
    if (!peek(at, part, n)) break;
    char* end = std::find(part, part + n, '\0');
    text.append(part, end);
    if (end != part + n) break;
  }
  return text;
}

}  // namespace weft::detail
