// The program as such: its arguments, its environment, its end, and its turn on the CPU.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {

namespace {

using strings = std::vector<std::string>;

outcome sizes(const call& c, const strings& list, pointer count, pointer bytes) {
  std::uint64_t total = 0;
  for (const std::string& s : list) total += s.size() + 1;
  if (total > UINT32_MAX) return errc::overflow;
  c.memory.store(count, static_cast<size>(list.size()));
  c.memory.store(bytes, static_cast<size>(total));
  return errc::success;
}

outcome copy(const call& c, const strings& list, pointer pointers, pointer buffer) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::size_t length = list[i].size() + 1;
    std::memcpy(c.memory.bytes(buffer, length).data(), list[i].c_str(), length);
    c.memory.store(element(pointers, i, sizeof(pointer)), buffer);
    buffer = element(buffer, length, 1);
  }
  return errc::success;
}

outcome args_sizes_get(call& c, pointer count, pointer bytes) { return sizes(c, c.guest.arguments(), count, bytes); }

outcome args_get(call& c, pointer pointers, pointer buffer) { return copy(c, c.guest.arguments(), pointers, buffer); }

outcome environ_sizes_get(call& c, pointer count, pointer bytes) {
  return sizes(c, c.guest.environment(), count, bytes);
}

outcome environ_get(call& c, pointer pointers, pointer buffer) {
  return copy(c, c.guest.environment(), pointers, buffer);
}

outcome proc_exit(call& /*c*/, std::uint32_t code) { return outcome::exit(code); }

// What a signal does to a program that has not arranged for anything else, and no program of preview 1 can.
outcome proc_raise(call& /*c*/, std::uint32_t signal) {
  enum : std::uint32_t {
    none = 0,
    child = 16,
    resume = 17,
    stop = 18,
    terminal_output = 21,
    urgent = 22,
    window = 27,
    last = 30
  };
  if (signal > last) return errc::inval;
  if (signal >= stop && signal <= terminal_output) return errc::notsup;
  if (signal == none || signal == child || signal == resume || signal == urgent || signal == window)
    return errc::success;
  constexpr std::uint32_t killed_by = 128;
  return outcome::exit(killed_by + signal);
}

outcome sched_yield(call& c) {
  return c.wait([] {
    weft::yield();
    return errc::success;
  });
}

constexpr std::array functions = {
    at_once<&args_sizes_get>("args_sizes_get"),
    at_once<&args_get>("args_get"),
    at_once<&environ_sizes_get>("environ_sizes_get"),
    at_once<&environ_get>("environ_get"),
    never_returns<&proc_exit>("proc_exit"),
    at_once<&proc_raise>("proc_raise"),
    may_wait<&sched_yield>("sched_yield"),
};

}  // namespace

std::span<const definition> program_functions() noexcept { return functions; }

}  // namespace weft::wasm::wasi
