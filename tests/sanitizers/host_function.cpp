// A function that a guest calls, on the guest's stack, writes past the end of what lies there: once after an exception has passed there.
#include <span>
#include <stdexcept>
#include <string_view>

#include <weft/wasm/wasm.hpp>
#include <weft/weft.hpp>

namespace {

// (module (import "app" "f" (func)) (func (export "call") call 0))
constexpr std::string_view caller_of_f(
    "\0asm\1\0\0\0"
    "\1\4\1\x60\0\0"
    "\2\11\1\3app\1f\0\0"
    "\3\2\1\0"
    "\7\10\1\4call\0\1"
    "\12\6\1\4\0\20\0\13",
    47);

}  // namespace

int main() {
  weft::run({.workers = 2}, [] {
    weft::wasm::engine engine{{.cache_directory = ""}};
    const weft::wasm::module m = engine.compile(std::as_bytes(std::span(caller_of_f)), "caller.wasm");
    int calls = 0;
    weft::wasm::host_functions host;
    host.add_immediate("app", "f", [&] {
      volatile int numbers[4] = {};
      volatile int index = 4;
      try {
        throw std::runtime_error("passes over frames of the guest's stack");
      } catch (const std::runtime_error&) {
        ++calls;
      }
      volatile int* const first = numbers;  // without its length, or the other sanitizer would be first
      first[index] = calls;
    });
    weft::wasm::guest(m, {.functions = host}).call<void()>("call");
  });
}
