// A guest's descriptors: what stands behind each number, and what it may be used for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weft/wasm/detail/files.hpp>
#include <weft/wasm/wasi/memory.hpp>
#include <weft/wasm/wasi/output.hpp>
#include <weft/wasm/wasi/types.hpp>

namespace weft::wasm::wasi {

struct descriptor {
  int fd = -1;              // of the host; -1 if output is captured
  detail::unique_fd owned;  // the same, if it is closed with the descriptor
  file_type type = file_type::unknown;
  std::uint16_t flags = 0;  // the guest's; O_NONBLOCK is never set on the host's descriptor, which others may share
  rights base = 0;
  rights inheriting = 0;
  bool read_only = false;                // a directory: nothing beneath it may be changed
  bool awaits_writer = false;            // a FIFO opened for reading that nobody has written to yet
  std::optional<std::string> preopened;  // the name under which the guest was given the directory
  std::string* captured = nullptr;
  std::unique_ptr<line_writer> lines;

  [[nodiscard]] bool is_regular() const noexcept { return type == file_type::regular_file; }
  [[nodiscard]] bool is_directory() const noexcept { return type == file_type::directory; }
  [[nodiscard]] bool is_socket() const noexcept {
    return type == file_type::socket_stream || type == file_type::socket_datagram;
  }
  [[nodiscard]] bool has_flag(std::uint16_t flag) const noexcept { return (flags & flag) != 0; }

  // The guest does not want to wait, and would have to: none of the events of poll(2) is there.
  [[nodiscard]] bool would_block(short events) const noexcept;

  // Throws failure{notcapable} unless all of these were granted.
  void require(rights wanted) const {
    if ((base & wanted) != wanted) throw failure{errc::notcapable};
  }
};

// Fills in type and rights of a descriptor of the host by looking at it. An errno, or 0.
int classify(descriptor& d) noexcept;

class descriptor_table {
 public:
  // Null for a number that is not in use.
  [[nodiscard]] descriptor* find(fd_number fd) noexcept;
  // Throws failure{badf} then.
  [[nodiscard]] descriptor& at(fd_number fd);
  // The same, if the descriptor grants these rights.
  [[nodiscard]] descriptor& at(fd_number fd, rights wanted);
  // A directory that grants them; failure{notdir} for other descriptors.
  [[nodiscard]] descriptor& directory_at(fd_number fd, rights wanted);

  // Takes the lowest free number. Throws failure{mfile} when there is none, detail::limit_passed when as many are in use
  // as the guest may have.
  fd_number insert(descriptor d);
  void erase(fd_number fd);
  // Moves `from` to the number `to`, which must be in use and is closed.
  void renumber(fd_number from, fd_number to);

  template <class F>
  void for_each(F&& f) {
    for (auto& slot : slots_) {
      if (slot) f(*slot);
    }
  }

  // From now on insert() gives no more than so many at once; 0: no limit.
  void limit_to(unsigned count) noexcept { limit_ = count; }

 private:
  std::vector<std::unique_ptr<descriptor>> slots_;
  unsigned limit_ = 0;
};

}  // namespace weft::wasm::wasi
