#include <weft/wasm/guest_memory.hpp>

#include <algorithm>
#include <stdexcept>

namespace weft::wasm {

void guest_memory::refuse(std::uint64_t at, std::uint64_t length) const {
  if (!accessible_) {
    throw std::logic_error("a guest's memory cannot be used while a call of the guest is under way, nor after its end");
  }
  throw std::out_of_range(std::to_string(length) + " bytes at " + std::to_string(at) +
                          " lie outside of the guest's memory of " + std::to_string(size_) + " bytes");
}

std::uint64_t guest_memory::size() const {
  static_cast<void>(range(0, 0));
  return size_;
}

void guest_memory::read(std::uint64_t at, std::span<std::byte> into) const {
  const std::byte* from = range(at, into.size());
  if (!into.empty()) std::memcpy(into.data(), from, into.size());
}

std::vector<std::byte> guest_memory::bytes(std::uint64_t at, std::uint64_t length) const {
  const std::byte* from = range(at, length);
  return {from, from + length};
}

std::string guest_memory::text(std::uint64_t at, std::uint64_t length) const {
  return {reinterpret_cast<const char*>(range(at, length)), static_cast<std::size_t>(length)};
}

std::string guest_memory::c_string(std::uint64_t at, std::uint64_t most) const {
  const std::byte* from = range(at, 0);
  const std::uint64_t there = std::min<std::uint64_t>(most, size_ - at);
  const std::byte* end = std::find(from, from + there, std::byte{0});
  if (end == from + there) {
    throw std::out_of_range("the text at " + std::to_string(at) + " of the guest's memory does not end within " +
                            std::to_string(there) + " bytes");
  }
  return {reinterpret_cast<const char*>(from), static_cast<std::size_t>(end - from)};
}

void guest_memory::write(std::uint64_t at, std::span<const std::byte> from) {
  std::byte* to = range(at, from.size());
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

void guest_memory::write(std::uint64_t at, std::string_view text) { write(at, std::as_bytes(std::span(text))); }

}  // namespace weft::wasm
