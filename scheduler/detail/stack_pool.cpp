#include <weft/scheduler/detail/stack_pool.hpp>

#include <sys/mman.h>

#include <bit>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

namespace weft::detail {

namespace {

constexpr std::size_t stacks_per_mapping = 64;
constexpr int madv_guard_install = 102;  // Linux 6.13; not in older headers

// A guard that does not split the mapping where the kernel can do that, else an inaccessible range, which costs two of the
// process's vm.max_map_count mappings a stack.
bool install_guard(char* stack) noexcept {
  return ::madvise(stack, stack_pool::guard_size, madv_guard_install) == 0 ||
         ::mprotect(stack, stack_pool::guard_size, PROT_NONE) == 0;
}

// `bytes` aligned to `alignment`: over-maps and trims, because the low end of a stack is found by rounding addresses.
char* map_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  void* raw = ::mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(raw);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t lead = (alignment - address % alignment) % alignment;
  if (lead > 0) ::munmap(begin, lead);
  if (alignment > lead) ::munmap(begin + lead + bytes, alignment - lead);
  return begin + lead;
}

}  // namespace

stack_pool::stack_pool(std::size_t size) : size_(size) {
  if (!std::has_single_bit(size) || size < 4 * guard_size) {
    throw std::invalid_argument("weft: options::stack_size is " + std::to_string(size) +
                                "; it must be a power of two of at least " + std::to_string(4 * guard_size) + " bytes");
  }
}

stack_pool::~stack_pool() {
  for (char* mapping : mappings_) ::munmap(mapping, size_ * stacks_per_mapping);
}

char* stack_pool::take() noexcept {
  std::lock_guard guard(lock_);
  if (free_.empty() && !map_more()) return nullptr;
  char* stack = free_.back();
  free_.pop_back();
  ++live_;
  return stack;
}

void stack_pool::give_back(char* stack) noexcept {
  std::lock_guard guard(lock_);
  free_.push_back(stack);  // within the capacity reserved when the stack was mapped
  --live_;
}

std::size_t stack_pool::live() const noexcept {
  std::lock_guard guard(lock_);
  return live_;
}

bool stack_pool::map_more() noexcept {
  try {
    if (mappings_.size() == mappings_.capacity()) mappings_.reserve(2 * mappings_.size() + 1);
    free_.reserve(mappings_.capacity() * stacks_per_mapping);
  } catch (const std::bad_alloc&) {
    return false;
  }
  char* mapping = map_aligned(size_ * stacks_per_mapping, size_);
  if (mapping == nullptr) return false;
  ::madvise(mapping, size_ * stacks_per_mapping, MADV_NOHUGEPAGE);  // a huge page would commit eight stacks at once
  for (std::size_t i = 0; i < stacks_per_mapping; ++i) {
    if (!install_guard(mapping + i * size_)) {
      ::munmap(mapping, size_ * stacks_per_mapping);
      return false;
    }
  }
  mappings_.push_back(mapping);
  for (std::size_t i = stacks_per_mapping; i-- > 0;) free_.push_back(mapping + i * size_);
  return true;
}

}  // namespace weft::detail
