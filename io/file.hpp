// Files on disk.
//
//   weft::io::file log("run.log", open_mode::write | open_mode::create | open_mode::append);
//   log.write_all("started\n");
//   weft::io::replace_file("settings.json", text);    // all or nothing
//
// What the page cache holds is read at once; everything else is done by the kernel while the fiber is parked. Each call that
// parks is a cancellation point that throws `cancelled`; all throw std::system_error, whose message names the file.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/io/detail/open_descriptor.hpp>
#include <weft/io/file_status.hpp>

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

// What advise() says of the reads to come.
enum class access_pattern : unsigned char {
  normal,
  sequential,    // read further ahead
  random,        // do not read ahead
  will_need,     // begin to read it now
  will_not_need  // drop it from the page cache
};

// An open file; closed when destroyed. Move-only. Several fibers may use one at once; those that use its position (read_some,
// write_some, write_all) share that position. Outside weft's fibers its calls block the thread.
//
// The principal calls come in a second form, which reports the errno in `error` (generic category) instead of throwing
// std::system_error; it returns 0 or nothing then. `cancelled` is thrown by both.
//
// mmap: map the file by native_handle(), and close it if you like. But a fiber that touches a page which is not in memory
// blocks its worker for as long as the disk takes, unseen; and a file that somebody truncates ends the process by SIGBUS. Where that
// matters read_at() is the better choice, or weft::blocking() around the code that goes through the mapping.
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
  // Holds no file after an error.
  [[nodiscard]] static file open(const std::filesystem::path& path, open_mode mode, unsigned permissions,
                                 std::error_code& error);
  // Takes an open descriptor over. The name is for messages.
  [[nodiscard]] static file adopt(int fd, std::string name = {});

  // Bytes read at the position, which moves on; 0 at the end. Less than asked for only before the end, or before an error or a cancellation, which the next call tells. Parks.
  std::size_t read_some(std::span<std::byte> buffer);
  std::size_t read_some(std::span<std::byte> buffer, std::error_code& error);
  // The same into several buffers, one after the other.
  std::size_t read_some(std::span<const iovec> buffers);
  std::size_t read_some(std::span<const iovec> buffers, std::error_code& error);
  // The same at an offset; the position stays. Parks.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> buffer);
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> buffer, std::error_code& error);
  std::size_t read_at(std::uint64_t offset, std::span<const iovec> buffers);
  std::size_t read_at(std::uint64_t offset, std::span<const iovec> buffers, std::error_code& error);
  // From the position to the end. Parks.
  [[nodiscard]] std::string read_rest();

  // Bytes written at the position: all of them, unless the disk is full, and at least one unless there are none. Parks.
  std::size_t write_some(std::span<const std::byte> data);
  std::size_t write_some(std::span<const std::byte> data, std::error_code& error);
  // Writes everything at the position. After an error or a cancellation an unknown part is written. Parks.
  void write_all(std::span<const std::byte> data);
  void write_all(std::span<const std::byte> data, std::error_code& error);
  void write_all(std::string_view text) { write_all(std::as_bytes(std::span(text))); }
  // The same from several buffers, one after the other.
  void write_all(std::span<const iovec> buffers);
  void write_all(std::span<const iovec> buffers, std::error_code& error);
  // The same at an offset; the position stays. Parks.
  void write_at(std::uint64_t offset, std::span<const std::byte> data);
  void write_at(std::uint64_t offset, std::span<const std::byte> data, std::error_code& error);
  void write_at(std::uint64_t offset, std::span<const iovec> buffers);
  void write_at(std::uint64_t offset, std::span<const iovec> buffers, std::error_code& error);

  // Bytes in the file. Does not park.
  [[nodiscard]] std::uint64_t size() const;
  // What the file system knows of it. Does not park.
  [[nodiscard]] file_status status() const;
  // Cuts the file off there, or has it end there with zeros before. Parks; once begun, the end is awaited.
  void set_size(std::uint64_t size);
  void set_size(std::uint64_t size, std::error_code& error);

  // Returns when what was written is on the disk: data and, unless data_only, all of the file's attributes. Parks; once begun,
  // the end is awaited.
  void sync(bool data_only = false);
  void sync(bool data_only, std::error_code& error);

  // Tells the kernel how the given bytes (a length of 0: to the end) will be read. A hint only. Parks.
  void advise(access_pattern pattern, std::uint64_t offset = 0, std::uint64_t length = 0);

  // Locks between processes, and between two files of one process that were opened separately (flock(2)): advisory, so they hold only
  // against those who lock as well. They go with std::unique_lock and std::shared_lock. lock() tries again and again, after 1 ms, 2 ms and so on
  // up to 50 ms; so it is a cancellation point, honours deadlines, and promises no order among those who wait. Closing the file
  // unlocks. A second lock of the same file object does not wait for the first, it replaces it.
  void lock() { lock_as(true); }
  [[nodiscard]] bool try_lock() { return try_lock_as(true); }
  void unlock();
  void lock_shared() { lock_as(false); }
  [[nodiscard]] bool try_lock_shared() { return try_lock_as(false); }
  void unlock_shared() { unlock(); }

  // Closes; calls of other fibers that wait on the file throw std::system_error (ECANCELED), and their end is awaited. Reports a
  // late write error. Closing twice does nothing. Any thread; parks only if others use the file.
  void close() { descriptor_.close(); }

  [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
  // -1 if it is not open. Still owned by the file.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  explicit file(detail::descriptor_handle descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  std::size_t read(std::int64_t offset, std::span<const iovec> buffers);
  std::size_t write_once(std::int64_t offset, std::span<const iovec> data);
  void write(std::int64_t offset, std::span<const iovec> data);
  void lock_as(bool exclusive);
  bool try_lock_as(bool exclusive);

  detail::descriptor_handle descriptor_;
};

// All of a file, as text. Parks.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::error_code& error);

// Makes the file, or empties it, and writes the content. Parks. When it fails or is cancelled an unknown part is written; what others
// read meanwhile is anything in between. Where that matters there is replace_file().
void write_file(const std::filesystem::path& path, std::string_view content);
void write_file(const std::filesystem::path& path, std::string_view content, std::error_code& error);

// Puts new content in the place of a file in one step: who opens it sees all of the old content or all of the new, also after a power cut. The
// new file is written beside the old one under a temporary name, synced, renamed, and the directory synced. It has the
// permissions of the old one, and its owner where we may give it; if there is none, `permissions` less the umask. A symbolic link stays, and what
// it leads to is replaced; other names of the old file (hard links) keep the old content.
//
// Parks; a cancellation point until the moment of renaming. On any failure or cancellation up to then the old file is as it was and the temporary file is
// gone; what fails after it is the sync of the directory, with the new content in place (only the death of the process leaves one: .NAME.XXXXXXXXXXXX.tmp).
void replace_file(const std::filesystem::path& path, std::string_view content, unsigned permissions = 0666);
void replace_file(const std::filesystem::path& path, std::string_view content, unsigned permissions,
                  std::error_code& error);

}  // namespace weft::io
