// Files on disk.
//
//   weft::io::file log("run.log", open_mode::write | open_mode::create | open_mode::append);
//   log.write_all("started\n");
//
// What the page cache holds is read at once; everything else is done by the kernel while the fiber is parked. Each call that
// parks is a cancellation point that throws `cancelled`; all throw std::system_error, whose message names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io {

enum class open_mode : unsigned {
  read = 1,
  write = 2,
  read_write = read | write,
  append = 4,       // each write goes to the end
  create = 8,       // make the file if it is not there
  create_new = 16,  // make the file; EEXIST if it is there
  truncate = 32,    // empty it
};
[[nodiscard]] constexpr open_mode operator|(open_mode a, open_mode b) noexcept {
  return static_cast<open_mode>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool has(open_mode set, open_mode flag) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(flag)) == static_cast<unsigned>(flag);
}

// An open file; closed when destroyed. Move-only. Several fibers may use one at once; those that use its position (read_some,
// write_all) share that position. Outside weft's fibers its calls block the thread.
class file {
 public:
  // Holds no file.
  file() = default;

  // Opens; parks. Descriptors are close-on-exec. `permissions` are those of a file that is made, less the umask.
  explicit file(const std::filesystem::path& path, open_mode mode = open_mode::read, unsigned permissions = 0666);
  [[nodiscard]] static file open(const std::filesystem::path& path, open_mode mode = open_mode::read,
                                 unsigned permissions = 0666) {
    return file(path, mode, permissions);
  }

  // Bytes read at the position, which moves on; 0 at the end. Less than asked for only before the end. Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  // The same at an offset; the position stays. Parks.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> buffer);
  // From the position to the end. Parks.
  [[nodiscard]] std::string read_rest();

  // Writes everything at the position. After an error or a cancellation an unknown part is written. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }
  // The same at an offset; the position stays. Parks.
  void write_at(std::uint64_t offset, std::span<const std::byte> data);

  // Bytes in the file. Does not park.
  [[nodiscard]] std::uint64_t size() const;

  // Returns when what was written is on the disk: data and, unless data_only, all of the file's attributes. Parks; once begun,
  // the end is awaited.
  void sync(bool data_only = false);

  // Closes; calls of other fibers that wait on the file throw std::system_error (ECANCELED), and their end is awaited. Reports a
  // late write error. Closing twice does nothing. Any thread; parks only if others use the file.
  void close() { descriptor_.close(); }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  // -1 if it is not open. Still owned by the file.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  std::size_t read(std::int64_t offset, std::span<std::byte> buffer, const char* action);
  void write(std::int64_t offset, std::span<const std::byte> data, const char* action);

  detail::descriptor_handle descriptor_;
};

}  // namespace weft::io
