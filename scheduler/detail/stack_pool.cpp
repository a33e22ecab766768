#include <weft/scheduler/detail/stack_pool.hpp>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

namespace weft::detail {

namespace {

constexpr std::size_t most_stacks_a_mapping = 64;
constexpr std::size_t usual_mapping = 64 << 20;  // larger stacks are mapped fewer at a time
// From here on a stack's two ends need a page table each. Marks in a table would make the kernel keep one for the guard alone.
constexpr std::size_t large = 4 << 20;
constexpr std::size_t stacks_a_look = 4'096;
constexpr int madv_guard_install = 102;  // Linux 6.13; not in older headers

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// All guards of a mapping by one call, which Linux 6.13 allows for one's own memory: half of what a call each costs.
bool install_guards_at_once(char* mapping, std::size_t stacks, std::size_t stack_size) noexcept {
  std::array<iovec, most_stacks_a_mapping> guards{};
  for (std::size_t i = 0; i < stacks; ++i) guards[i] = {mapping + i * stack_size, stack_pool::guard_size};
  const auto self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  if (self < 0) return false;
  const long done = ::syscall(SYS_process_madvise, self, guards.data(), stacks, madv_guard_install, 0);
  ::close(self);
  return done == static_cast<long>(stacks * stack_pool::guard_size);
}

// A guard that does not split the mapping where the kernel can do that, else an inaccessible range, which costs two of the
// process's vm.max_map_count mappings a stack.
bool mark_guard(char* stack) noexcept { return ::madvise(stack, stack_pool::guard_size, madv_guard_install) == 0; }
bool protect_guard(char* stack) noexcept { return ::mprotect(stack, stack_pool::guard_size, PROT_NONE) == 0; }

// Half a KiB for two mappings against 4 KiB for a page table; where there are no more mappings the table it is.
bool install_guard(char* stack, std::size_t stack_size) noexcept {
  if (stack_size >= large) return protect_guard(stack) || mark_guard(stack);
  return mark_guard(stack) || protect_guard(stack);
}

bool install_guards(char* mapping, std::size_t stacks, std::size_t stack_size) noexcept {
  if (stack_size < large && install_guards_at_once(mapping, stacks, stack_size)) return true;
  for (std::size_t i = 0; i < stacks; ++i) {
    if (!install_guard(mapping + i * stack_size, stack_size)) return false;
  }
  return true;
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

stack_pool::stack_pool(std::size_t size)
    : size_(size),
      stacks_per_mapping_(
          std::clamp(usual_mapping / std::max(size, std::size_t{1}), std::size_t{1}, most_stacks_a_mapping)) {
  if (!std::has_single_bit(size) || size < 4 * guard_size) {
    throw std::invalid_argument("weft: options::stack_size is " + std::to_string(size) +
                                "; it must be a power of two of at least " + std::to_string(4 * guard_size) + " bytes");
  }
}

stack_pool::~stack_pool() {
  for (char* mapping : mappings_) ::munmap(mapping, mapping_size());
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
    free_.reserve(mappings_.capacity() * stacks_per_mapping_);
  } catch (const std::bad_alloc&) {
    return false;
  }
  char* mapping = map_aligned(mapping_size(), size_);
  if (mapping == nullptr) return false;
  ::madvise(mapping, mapping_size(), MADV_NOHUGEPAGE);  // a huge page would commit eight stacks at once
  if (!install_guards(mapping, stacks_per_mapping_, size_)) {
    ::munmap(mapping, mapping_size());
    return false;
  }
  mappings_.push_back(mapping);
  for (std::size_t i = stacks_per_mapping_; i-- > 0;) free_.push_back(mapping + i * size_);
  return true;
}

std::size_t stack_pool::high_water() const {
  const std::vector<char*> mappings = next_to_look_at();
  std::vector<unsigned char> pages(mappings.empty() ? 0 : mapping_size() / page_size());
  std::size_t deepest = 0;
  for (const char* mapping : mappings) deepest = std::max(deepest, deepest_in(mapping, pages));
  std::lock_guard guard(lock_);
  return high_water_ = std::max(high_water_, deepest);
}

// Mappings stay until the pool goes, so they can be looked at unlocked.
std::vector<char*> stack_pool::next_to_look_at() const {
  const std::size_t most = std::max(stacks_a_look / stacks_per_mapping_, std::size_t{1});
  std::vector<char*> chosen;
  chosen.reserve(most);
  std::lock_guard guard(lock_);
  for (std::size_t n = std::min(most, mappings_.size()); n > 0; --n) {
    look_next_ = (look_next_ + 1) % mappings_.size();
    chosen.push_back(mappings_[look_next_]);
  }
  return chosen;
}

std::size_t stack_pool::deepest_in(const char* mapping, std::vector<unsigned char>& pages) const noexcept {
  if (::mincore(const_cast<char*>(mapping), mapping_size(), pages.data()) != 0) return 0;
  const auto a_stack = static_cast<std::ptrdiff_t>(size_ / page_size());
  const auto a_guard = static_cast<std::ptrdiff_t>(guard_size / page_size());
  const auto touched = [](unsigned char page) { return (page & 1U) != 0; };
  std::ptrdiff_t deepest = 0;
  for (auto stack = pages.begin(); stack != pages.end(); stack += a_stack) {
    const auto lowest = std::find_if(stack + a_guard, stack + a_stack, touched);
    deepest = std::max(deepest, stack + a_stack - lowest);
  }
  return static_cast<std::size_t>(deepest) * page_size();
}

}  // namespace weft::detail
