// From one stream to another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include <weft/io/stream.hpp>

namespace weft::io {

// Writes what `from` gives until its end to `to`, at most `limit` bytes; returns how many. Parks, a cancellation point at each piece; throws what the
// streams' calls throw. After that an unknown part has been copied; what was read and could not be written is lost. Takes 64 KiB of memory meanwhile.
// A buffered_writer is not flushed.
template <readable_stream From, writable_stream To>
std::uint64_t copy(From&& from, To&& to, std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
  constexpr std::size_t size = 64 << 10;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(size);
  std::uint64_t copied = 0;
  while (copied < limit) {
    const std::size_t wanted = limit - copied < size ? static_cast<std::size_t>(limit - copied) : size;
    std::span<const std::byte> data(memory.get(), from.read_some(std::span(memory.get(), wanted)));
    if (data.empty()) break;
    copied += data.size();
    while (!data.empty()) data = data.subspan(to.write_some(data));
  }
  return copied;
}

}  // namespace weft::io
