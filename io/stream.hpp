// What a stream is to the templates of this module: something that bytes come from or go to, by these two calls.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace weft::io {

// read_some() returns how many bytes it has put into the buffer, at least one; 0 at the end, or if the buffer is empty.
template <class S>
concept readable_stream = requires(std::remove_reference_t<S>& s, std::span<std::byte> buffer) {
  { s.read_some(buffer) } -> std::convertible_to<std::size_t>;
};

// write_some() returns how many bytes it has taken, at least one unless there are none.
template <class S>
concept writable_stream = requires(std::remove_reference_t<S>& s, std::span<const std::byte> data) {
  { s.write_some(data) } -> std::convertible_to<std::size_t>;
};

}  // namespace weft::io
