// The C interface of the Rust library in wasm/engine, seen from C++. Nothing here parks, and nothing throws.
//
// Ownership: what a function returns as a pointer is the caller's, to be given back by the type's own _delete. An error
// is stored only if the call failed; pass the address of a null pointer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::wasm::detail {

extern "C" {

struct weft_slice {
  const char* data;
  std::size_t size;
};

// ---- bytes and hashes -----------------------------------------------------------------------------------------------

struct weft_bytes;
weft_slice weft_bytes_view(const weft_bytes* bytes);
void weft_bytes_delete(weft_bytes* bytes);

// BLAKE3; 32 bytes go to `out`.
void weft_hash(weft_slice bytes, std::uint8_t* out);

// ---- errors ---------------------------------------------------------------------------------------------------------

struct weft_error;

enum weft_error_kind_t : std::int32_t {
  weft_error_other = 0,
  weft_error_trap = 1,
  weft_error_exit = 2,          // the guest called for its own end; see weft_error_exit_code
  weft_error_memory_limit = 3,  // see weft_error_limit
  weft_error_host_failure = 4,  // a host function said so
  weft_error_table_limit = 6,
  weft_error_interrupted = 7,  // see weft_guest_interrupt
  weft_error_pool_full = 5,    // as many guests as the pool has room for, or a resource it has no room for
};

struct weft_frame {
  weft_slice module;
  weft_slice function;
  weft_slice file;  // empty without debug information; then line and column are 0
  std::uint32_t function_index;
  std::uint32_t line;
  std::uint32_t column;
  std::uint64_t offset;  // in the module's file
};

void weft_error_delete(weft_error* error);
weft_error_kind_t weft_error_kind(const weft_error* error);
std::int32_t weft_error_trap_code(const weft_error* error);  // numbers of weft::wasm::trap_code
std::int32_t weft_error_exit_code(const weft_error* error);
std::uint64_t weft_error_limit(const weft_error* error);
weft_slice weft_error_message(const weft_error* error);  // one line; valid as long as the error
std::size_t weft_error_frame_count(const weft_error* error);
weft_frame weft_error_frame(const weft_error* error, std::size_t index);

// ---- engine ---------------------------------------------------------------------------------------------------------

struct weft_engine;

struct weft_engine_options {
  std::uint32_t pool_guests;         // guests with memory reserved beforehand; 0: all on demand
  std::uint64_t memory_reservation;  // address space of a memory, bytes; a larger memory moves when it grows
  std::uint64_t memory_guard;        // unmapped bytes behind it
  std::size_t pool_table_elements;
  std::size_t wasm_stack;   // bytes of stack that WebAssembly code may use
  std::size_t guest_stack;  // and with the host functions it calls
  std::size_t backtrace_frames;
  std::int32_t compiler;  // number of weft::wasm::compiler
  bool perf_map;          // names of compiled functions for perf(1), in /tmp/perf-PID.map
};

// Installs the engine's signal handlers the first time; they pass on what is not theirs.
weft_engine* weft_engine_new(const weft_engine_options* options, weft_error** error);
void weft_engine_delete(weft_engine* engine);
// Ends the time slice of every guest of the engine. Any thread.
void weft_engine_tick(const weft_engine* engine);
// A hash of all that compiled code depends on: version, settings, processor features. 32 bytes go to `out`.
void weft_engine_compatibility(const weft_engine* engine, std::uint8_t* out);

// ---- modules --------------------------------------------------------------------------------------------------------

struct weft_module;

// Compiles on all cores; needs a few megabytes of stack.
weft_bytes* weft_engine_compile(const weft_engine* engine, weft_slice wasm, weft_error** error);
// From compiled bytes, which are trusted: they are native code.
weft_module* weft_module_load(const weft_engine* engine, weft_slice code, weft_error** error);
// From a file of compiled bytes, which is mapped; the descriptor stays the caller's.
weft_module* weft_module_load_file(const weft_engine* engine, int descriptor, weft_error** error);
// The compiled bytes of a module.
weft_bytes* weft_module_code(const weft_module* module, weft_error** error);
void weft_module_delete(weft_module* module);
weft_slice weft_module_name(const weft_module* module);

// `kind` is "parameters:results" for functions, a letter each (i I f F for i32 i64 f32 f64, ? for others), else
// "memory", "table", "global" or "tag". The slices are valid during the call.
using weft_visitor = void (*)(void* context, weft_slice module, weft_slice name, weft_slice kind);
void weft_module_imports(const weft_module* module, void* context, weft_visitor visit);
void weft_module_exports(const weft_module* module, void* context, weft_visitor visit);

// What is in a module's file, as JSON: see wasm/inspect.hpp. The module need not be valid.
weft_bytes* weft_inspect(weft_slice wasm, weft_error** error);

// ---- host functions -------------------------------------------------------------------------------------------------

union weft_value {
  std::int32_t i32;
  std::int64_t i64;
  float f32;
  double f64;
  std::uint8_t bytes[16];
};

enum weft_outcome : std::int32_t {
  weft_done = 0,  // the result is in values[0]
  weft_wait = 1,  // the guest stops until weft_guest_resume(); the slots stay where they are
  weft_exit = 2,  // the guest ends with the exit code in values[0]
  weft_fail = 3,  // the guest ends with weft_error_host_failure
};

// `guest` is what weft_guest_new() was given. `memory` is the guest's memory at this moment, if the function is defined to
// use it: valid until the function returns, and on until the guest is resumed if it waits. Must not throw, and not switch
// stacks.
using weft_host_function = std::int32_t (*)(void* function, void* guest, std::uint8_t* memory, std::size_t size,
                                            weft_value* values);

struct weft_definition {
  weft_slice module;
  weft_slice name;
  weft_slice signature;  // as weft_module_imports() gives it
  bool waits;            // only such a function may return weft_wait
  bool uses_memory;
  weft_host_function callback;
  void* function;
};

struct weft_linker;
struct weft_prepared;

weft_linker* weft_linker_new(const weft_engine* engine);
void weft_linker_delete(weft_linker* linker);
bool weft_linker_define(weft_linker* linker, const weft_definition* definition, weft_error** error);
// Binds the imports of a module once, to instantiate it often.
weft_prepared* weft_linker_prepare(const weft_linker* linker, const weft_module* module, weft_error** error);
void weft_prepared_delete(weft_prepared* prepared);

// ---- guests ---------------------------------------------------------------------------------------------------------

struct weft_guest;

enum weft_stop : std::int32_t {
  weft_stop_ended = 0,    // the call has ended, by an error if one was stored
  weft_stop_slice = 1,    // the time slice ran out
  weft_stop_waiting = 2,  // a host function waits for weft_guest_resume()
};

// One thread at a time may use a guest; which one does not matter.
weft_guest* weft_guest_new(const weft_engine* engine, void* guest, std::uint64_t memory_limit);
// Ends the call under way, wherever the guest is.
void weft_guest_delete(weft_guest* guest);
// What is handed over must live until the call has ended or the guest is deleted.
void weft_guest_begin_instantiation(weft_guest* guest, const weft_prepared* prepared);
// The same for a module that imports from other modules: each of them is instantiated first, in order, and then found by
// its name. Of what is handed over only the guest is needed on. False, and an error, if a name is not UTF-8.
struct weft_preload {
  weft_slice name;
  const weft_module* module;
};
bool weft_guest_begin_linked_instantiation(weft_guest* guest, const weft_linker* linker, const weft_preload* preloads,
                                           std::size_t count, const weft_module* main, weft_error** error);
bool weft_guest_begin_call(weft_guest* guest, weft_slice name, const weft_value* arguments, std::size_t argument_count,
                           weft_value* results, std::size_t result_count);
// Runs the guest until its call ends or stops.
weft_stop weft_guest_poll(weft_guest* guest, weft_error** error);
// `bits` are those of weft_value::i64.
void weft_guest_resume(const weft_guest* guest, std::int32_t outcome, std::int64_t bits);
std::uint64_t weft_guest_peak_memory(const weft_guest* guest);

// Elements of all tables together. Before the first call.
void weft_guest_limit_table_elements(weft_guest* guest, std::uint64_t limit);
// Ends the guest with weft_error_interrupted at the end of the slice that the next poll begins, or where it waits.
void weft_guest_interrupt(const weft_guest* guest);
// A core dump of a guest that ended by this error; null if it has none.
weft_bytes* weft_guest_core_dump(weft_guest* guest, const weft_error* error, weft_slice name);
// Notes where the guest is at the end of each slice. Before the first call; `interval` in nanoseconds.
bool weft_guest_profile(weft_guest* guest, const weft_engine* engine, const weft_module* module, weft_slice name,
                        std::uint64_t interval);
// Ends a call under way, and gives the profile: JSON as Firefox's profiler reads it. Null if there is none.
weft_bytes* weft_guest_take_profile(weft_guest* guest);
// ---- between calls: functions that are looked up once, and the memory --------------------------------------------------

// An exported function of a guest's instance; not to be used after the guest.
struct weft_function;

// Null, without an error, if there is none of that name or a call is under way.
weft_function* weft_guest_function(weft_guest* guest, weft_slice name, weft_error** error);
void weft_function_delete(weft_function* function);
// As weft_guest_begin_call(); the slots are as many as the function's type says.
void weft_guest_begin_function(weft_guest* guest, const weft_function* function, const weft_value* arguments,
                               weft_value* results);
// The memory exported as "memory", valid until the next call begins; null if there is none or a call is under way.
std::uint8_t* weft_guest_memory(weft_guest* guest, std::size_t* size);

}  // extern "C"

}  // namespace weft::wasm::detail
