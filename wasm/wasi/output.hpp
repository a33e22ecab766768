// Output that is gathered into whole lines before it is written, for guests that share a stream.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace weft {
class mutex;
}

namespace weft::wasm::wasi {

class line_writer {
 public:
  // The descriptor must stay open as long as the writer is used. Writers of one descriptor take turns.
  explicit line_writer(int fd);

  // Takes everything; writes what is complete. Parks, and is a cancellation point.
  void write(std::span<const iovec> buffers, std::error_code& error);

  // At the end: writes what is left of a line, and ends the line. Parks, and is a cancellation point.
  void flush(std::error_code& error);

 private:
  void put(std::size_t count, std::error_code& error);

  int fd_;
  std::shared_ptr<weft::mutex> turn_;
  std::string pending_;
};

}  // namespace weft::wasm::wasi
