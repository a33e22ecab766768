#include <weft/wasm/wasi/vectors.hpp>

#include <algorithm>

namespace weft::wasm::wasi {

buffer_list::buffer_list(const guest_memory& memory, pointer vectors, size count) {
  for (std::size_t i = 0; i < std::min<std::size_t>(count, most_vectors) && bytes_ < most_bytes; ++i) {
    const auto v = memory.load<io_vector>(element(vectors, i, sizeof(io_vector)));
    const auto buffer = memory.bytes(v.buffer, v.length);
    if (!buffer.empty()) add({buffer.data(), std::min(buffer.size(), most_bytes - bytes_)});
  }
}

void buffer_list::add(iovec v) {
  if (many_.empty() && used_ < few_.size()) {
    few_[used_++] = v;
  } else {
    if (many_.empty()) many_.assign(few_.begin(), few_.end());
    many_.push_back(v);
  }
  bytes_ += v.iov_len;
}

void buffer_list::advance(std::size_t n) noexcept {
  bytes_ -= n;
  for (iovec& v : mutable_vectors()) {
    const std::size_t part = std::min(n, v.iov_len);
    v.iov_base = static_cast<std::byte*>(v.iov_base) + part;
    v.iov_len -= part;
    n -= part;
  }
}

}  // namespace weft::wasm::wasi
