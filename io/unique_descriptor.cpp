#include <weft/io/unique_descriptor.hpp>

#include <weft/io/detail/system_calls.hpp>

namespace weft::io {

void unique_descriptor::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) detail::close_now(old);
}

}  // namespace weft::io
