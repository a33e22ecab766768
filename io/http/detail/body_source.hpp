// Where a request or a response reads its body from.
#pragma once

#include <cstddef>
#include <span>

namespace weft::io::http::detail {

class body_source {
 public:
  body_source(const body_source&) = delete;
  body_source& operator=(const body_source&) = delete;
  // At least one byte, 0 at the end.
  virtual std::size_t read_body(std::span<std::byte> buffer) = 0;

 protected:
  body_source() = default;
  ~body_source() = default;
};

}  // namespace weft::io::http::detail
