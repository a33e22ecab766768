#include <weft/wasm/detail/backend.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <weft/wasm/detail/own_functions.hpp>
#include <weft/wasm/error.hpp>

namespace weft::wasm::detail {

namespace {

// All that a 32-bit index with an offset can reach: reads and writes out of bounds then fault by themselves.
constexpr memory_layout roomy{.reservation = std::uint64_t{4} << 30, .guard = std::uint64_t{32} << 20};
// For machines that do not grant so much: bounds are checked by instructions, and a memory that grows may move.
constexpr memory_layout compact{.reservation = std::uint64_t{16} << 20, .guard = std::uint64_t{64} << 10};

// What the engine and host functions may use of a guest's stack besides the guest's own code.
constexpr std::size_t host_stack = std::size_t{512} << 10;
constexpr std::uint64_t least_stack = std::uint64_t{16} << 10;
constexpr std::uint64_t most_stack = std::uint64_t{256} << 20;
constexpr std::size_t table_elements = 100'000;
constexpr std::size_t backtrace_frames = 64;

// A smaller pool than this is not worth having.
constexpr unsigned smallest_pool = 16;

// The largest part of what the engine reserves for a pool: memories, and a heap for the garbage collector for every
// eighth.
std::uint64_t address_space_of(unsigned guests, std::uint64_t stack_size) noexcept {
  const std::uint64_t memory = roomy.reservation + roomy.guard;
  const std::uint64_t small = stack_size + host_stack + table_elements * sizeof(void*) + (std::uint64_t{1} << 20);
  return guests * (memory + small) + (guests / 8 + 1) * memory;
}

// 0, or the errno of the refusal.
int probe(std::uint64_t bytes) noexcept {
  void* address = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return errno;
  ::munmap(address, bytes);
  return 0;
}

std::string why(int error) { return std::generic_category().message(error); }

memory_plan plan_on_demand(std::string reason) {
  if (const int refused = probe(roomy.reservation + roomy.guard); refused != 0) {
    return {
        .pool = 0,
        .layout = compact,
        .note =
            "on demand, with checks of bounds in the code (slower): 4 GiB of address space for a guest were refused (" +
            why(refused) + "); raise the limit of address space (ulimit -v)"};
  }
  return {.pool = 0, .layout = roomy, .note = "on demand: " + std::move(reason)};
}

memory_plan pool_of(unsigned guests) {
  return {.pool = guests, .layout = roomy, .note = "pool of " + std::to_string(guests) + " guests"};
}

engine_handle make_engine(const backend_settings& settings) {
  const weft_engine_options options{.pool_guests = settings.pool,
                                    .memory_reservation = settings.layout.reservation,
                                    .memory_guard = settings.layout.guard,
                                    .pool_table_elements = table_elements,
                                    .wasm_stack = settings.stack_size,
                                    .guest_stack = settings.stack_size + host_stack,
                                    .backtrace_frames = backtrace_frames,
                                    .compiler = static_cast<std::int32_t>(settings.code),
                                    .perf_map = settings.perf_map};
  weft_error* raw = nullptr;
  engine_handle engine(weft_engine_new(&options, &raw));
  if (const error_handle error(raw); error) {
    throw std::runtime_error("cannot set up the WebAssembly engine: " + std::string(message_of(error)));
  }
  return engine;
}

}  // namespace

memory_plan plan_memory(const engine_options& o) {
  // The engine library does not survive a size that it cannot use.
  if (o.stack_size < least_stack || o.stack_size > most_stack) {
    throw std::invalid_argument("a guest's stack cannot have " + format_bytes(o.stack_size) + ": give it from " +
                                format_bytes(least_stack) + " to " + format_bytes(most_stack));
  }
  if (o.memory == allocation::on_demand) return plan_on_demand("asked for");
  if (o.pool_size == 0) return plan_on_demand("the pool's size is zero");
  const std::uint64_t wanted = address_space_of(o.pool_size, o.stack_size);
  const int refused = probe(wanted);
  if (refused == 0) return pool_of(o.pool_size);
  const std::string reason = "address space for a pool of " + std::to_string(o.pool_size) + " guests (" +
                             format_bytes(wanted) + ") was refused (" + why(refused) +
                             "); lower pool_size, or raise the limit of address space (ulimit -v)";
  if (o.memory == allocation::pool) throw std::system_error(refused, std::generic_category(), reason);
  for (unsigned guests = o.pool_size / 8; guests >= smallest_pool; guests /= 8) {
    if (probe(address_space_of(guests, o.stack_size)) != 0) continue;
    memory_plan plan = pool_of(guests);
    plan.note += ": " + reason;
    return plan;
  }
  return plan_on_demand(reason);
}

backend::backend(const backend_settings& settings) : engine_(make_engine(settings)) {
  weft_engine_compatibility(engine_.get(), compatibility_.data());
}

const weft_linker* backend::linker() const {
  std::call_once(linker_made_, [this] {
    linker_handle linker(weft_linker_new(engine_.get()));
    define_own_functions(*linker);
    linker_ = std::move(linker);
  });
  return linker_.get();
}

}  // namespace weft::wasm::detail
