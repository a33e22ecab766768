// The engine: compiles modules, keeps compiled code on disk, and holds the memory that guests run in. One a process is
// usual.
//
//   weft::wasm::engine engine;
//   weft::wasm::module module = engine.load("resize.wasm");
//   weft::wasm::guest guest{module, {.arguments = {"--width", "640"}}};
//   int exit_code = guest.run();
//
// Making one takes a millisecond; signal handlers for faults in guests are installed with the first (they pass on what
// is not theirs), and SIGPIPE is ignored from then on unless the program has dealt with it, so that a guest which
// writes to a closed pipe gets an error instead of ending the process. A thread ticks once a millisecond while guests
// compute, and sleeps otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/module.hpp>

namespace weft::wasm {

// Where guests' memory comes from.
enum class allocation {
  automatic,  // a pool if the machine grants the address space, else on demand
  pool,  // reserved beforehand: starting a guest takes microseconds. More guests than the pool holds are made on demand
  on_demand,  // mapped for each guest
};

// How modules become something that runs. The values are fixed.
enum class compiler : std::int32_t {
  cranelift = 0,  // optimizes
  // One pass: compiles several times faster, and what comes out is slower. Refuses functions and blocks of several values
  // (of some of them Winch makes code that is not safe to run), tail calls, references to functions and garbage collection.
  winch = 1,
  pulley = 2,  // byte code for an interpreter, for machines where no memory may be executed that was written
};

struct engine_options {
  allocation memory = allocation::automatic;
  // Guests that the pool has room for. Each takes 4 GiB of address space, and memory only as it is touched.
  unsigned pool_size = 1000;
  // Where compiled code is kept. Without a value: $WEFT_CACHE_DIR, else $XDG_CACHE_HOME/weft, else ~/.cache/weft, and
  // there in `modules`. An empty path: nowhere.
  std::optional<std::filesystem::path> cache_directory = {};
  // Bytes of compiled code to keep; what was not used for longest goes first.
  std::uint64_t cache_limit = std::uint64_t{512} << 20;
  // Bytes a guest may have unless its own limits say otherwise; the default is all that 32-bit WebAssembly can address.
  std::uint64_t default_memory_limit = std::uint64_t{4} << 30;
  compiler code = compiler::cranelift;
  // Bytes of stack for the WebAssembly code of a guest, from 16 KiB to 256 MiB; one that recurses deeper traps with
  // trap_code::stack_exhausted.
  std::uint64_t stack_size = std::uint64_t{512} << 10;
  // Tells perf(1) the names of the guests' functions, in /tmp/perf-PID.map.
  bool perf_map = false;
};

struct engine_statistics {
  std::uint64_t modules_compiled = 0;
  std::uint64_t cache_hits = 0;      // modules taken from disk instead
  std::uint64_t cache_rejected = 0;  // entries found damaged or foreign, and compiled again
  std::uint64_t guests_started = 0;
  std::uint64_t guests_on_demand = 0;  // of these, without the pool
};

class engine {
 public:
  // Throws std::system_error or std::runtime_error if the engine cannot be had (the message says why and what to do).
  explicit engine(engine_options options = {});
  // What keeps the engine alive last, this or a module, awaits the end of its thread: parks, for a millisecond at most.
  ~engine();
  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;

  // Reads and compiles a module, or takes its compiled code from the cache. Parks, and is a cancellation point
  // throughout: the work is done on a thread of its own and, for compiling, on all cores. A caller that is cancelled
  // goes at once; what is being compiled is finished behind its back, and kept in the cache. Safe to call from several
  // fibers. The same content is compiled once while a module of it lives. Throws std::system_error if the file cannot
  // be read, module_error if it is no module.
  [[nodiscard]] module load(const std::filesystem::path& file);

  // load() if nothing has to be compiled for it: a module of this content lives, or its code is in the cache. Else nothing, also where the
  // file is not a regular one. Reads and hashes the file and its entry, about a millisecond for each MiB: on a fiber it parks meanwhile, elsewhere it
  // blocks the thread. A cancellation point on entry. Throws as load().
  [[nodiscard]] std::optional<module> load_if_compiled(const std::filesystem::path& file);

  // load() from memory; `name` is for messages and the default of the guest's own name.
  [[nodiscard]] module compile(std::span<const std::byte> bytes, std::string_view name);

  // The compiled form of a module, to be kept in a file for load_precompiled(): it fits this version of weft, this
  // kind of processor and these options. Parks. Throws module_error.
  [[nodiscard]] std::vector<std::byte> precompile(std::span<const std::byte> bytes, std::string_view name);

  // Takes what precompile() gave, from a file which is mapped and must stay as it is while the module lives. It is
  // native code: whoever wrote the file can do what this process can. Parks. Throws std::system_error if the file
  // cannot be read, module_error if it is something else or fits another version, processor or options.
  [[nodiscard]] module load_precompiled(const std::filesystem::path& file);

  // How guests' memory is allocated after all, and a sentence on why: "pool of 1000 guests" or "on demand: ...".
  [[nodiscard]] allocation memory() const noexcept;
  [[nodiscard]] const std::string& memory_note() const noexcept;

  // The folder of compiled code; empty if nothing is kept.
  [[nodiscard]] const std::filesystem::path& cache_directory() const noexcept;

  [[nodiscard]] engine_statistics statistics() const noexcept;

 private:
  std::shared_ptr<detail::engine_core> core_;
};

}  // namespace weft::wasm
