#include <weft/wasm/wasi/functions.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include <weft/wasm/detail/handles.hpp>

namespace weft::wasm::wasi {

namespace {

std::array<std::span<const definition>, 8> groups() noexcept {
  return {program_functions(), clock_functions(), descriptor_functions(), transfer_functions(),
          file_functions(),    path_functions(),  poll_functions(),       socket_functions()};
}

}  // namespace

void define_functions(detail::weft_linker& linker) {
  using detail::to_slice;
  for (const auto& group : groups()) {
    for (const definition& d : group) {
      const detail::weft_definition function{.module = to_slice(import_module),
                                             .name = to_slice(d.name),
                                             .signature = to_slice(d.signature),
                                             .waits = d.waits,
                                             .callback = d.callback,
                                             .function = nullptr};
      detail::weft_error* raw = nullptr;
      detail::weft_linker_define(&linker, &function, &raw);
      if (const detail::error_handle error(raw); error) {
        throw std::runtime_error("cannot define " + std::string(d.name) + ": " +
                                 std::string(detail::message_of(error)));
      }
    }
  }
}

bool provides(std::string_view module, std::string_view name) noexcept {
  if (module != import_module) return false;
  const auto all = groups();
  return std::any_of(all.begin(), all.end(), [name](const auto& group) {
    return std::any_of(group.begin(), group.end(), [name](const definition& d) { return d.name == name; });
  });
}

}  // namespace weft::wasm::wasi
