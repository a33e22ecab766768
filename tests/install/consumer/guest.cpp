// A guest in an installed weft.
#include <weft/wasm/wasm.hpp>
#include <weft/weft.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>

namespace {

// (module (func (export "answer") (result i32) i32.const 42))
constexpr std::array<unsigned char, 39> module_bytes{
    0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00,                        // magic number and version
    0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f,                              // a type: no parameters, one i32
    0x03, 0x02, 0x01, 0x00,                                                // a function of that type
    0x07, 0x0a, 0x01, 0x06, 'a',  'n',  's',  'w',  'e', 'r', 0x00, 0x00,  // exported by its name
    0x0a, 0x06, 0x01, 0x04, 0x00, 0x41, 42,   0x0b,                        // its code
};

}  // namespace

int main() {
  return weft::run([] {
    weft::wasm::engine engine;
    weft::wasm::guest guest{engine.compile(std::as_bytes(std::span(module_bytes)), "answer")};
    const auto answer = guest.call("answer");
    std::printf("the guest says %lld\n", static_cast<long long>(answer.value_or(0)));
    return answer == 42 ? 0 : 1;
  });
}
