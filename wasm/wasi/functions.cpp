#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {

std::array<std::span<const definition>, 8> groups() noexcept {
  return {program_functions(), clock_functions(), descriptor_functions(), transfer_functions(),
          file_functions(),    path_functions(),  poll_functions(),       socket_functions()};
}

}  // namespace weft::wasm::wasi
