#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/pending_file.hpp>
#include <weft/io/file.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

// What a helper thread copies before the fiber may be cancelled.
constexpr std::int64_t piece = 8 << 20;
constexpr std::size_t buffer_size = 256 << 10;

// The content, piece by piece. What returns a count returns a negative errno after an error, and is for a helper thread.
class content_copy {
 public:
  content_copy(int from, int to, std::int64_t size) : from_(from), to_(to), size_(size) {}

  // Has both files share their blocks; false where that is not possible.
  [[gnu::noinline]] bool share() noexcept {
    if (::ioctl(to_, FICLONE, from_) != 0) return false;
    at_ = size_;
    return true;
  }

  [[nodiscard]] std::int64_t done() const noexcept { return std::min(at_, size_); }

  // Copies one piece, or passes over one hole; 1, or 0 at the end.
  int step() {
    if (at_ >= size_) return finish();
    const std::int64_t data = next_data();
    if (data < 0) return static_cast<int>(data);
    if (data >= size_) {
      at_ = size_;
      return 1;
    }
    at_ = std::max(at_, data);
    const std::int64_t n = copy_some(std::min(piece, data_end() - at_));
    if (n < 0) return static_cast<int>(n);
    if (n == 0) size_ = at_;  // it has become shorter
    at_ += n;
    return 1;
  }

 private:
  // A hole at the end takes no writing, and files of /proc do not tell their size.
  [[gnu::noinline]] int finish() {
    if (size_ == 0) {
      const std::int64_t n = read_and_write(piece);
      at_ += n;
      if (n != 0) return n < 0 ? static_cast<int>(n) : 1;
    }
    return ::ftruncate(to_, std::max(at_, size_)) == 0 ? 0 : -errno;
  }

  // Where the next bytes that are no hole begin; the size if there are none.
  [[gnu::noinline]] std::int64_t next_data() const noexcept {
    const std::int64_t at = ::lseek(from_, at_, SEEK_DATA);
    if (at >= 0) return at;
    return errno == ENXIO ? size_ : at_;  // where holes are unknown all is data
  }

  [[gnu::noinline]] std::int64_t data_end() const noexcept {
    const std::int64_t at = ::lseek(from_, at_, SEEK_HOLE);
    return at > at_ ? std::min(at, size_) : size_;
  }

  // By the kernel, where it can between these two.
  [[gnu::noinline]] std::int64_t copy_some(std::int64_t length) {
    if (kernel_copies_) {
      loff_t in = at_;
      loff_t out = at_;
      const ssize_t n = ::copy_file_range(from_, &in, to_, &out, static_cast<std::size_t>(length), 0);
      if (n > 0) return n;
      if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) return -errno;
      kernel_copies_ = false;
    }
    return read_and_write(length);
  }

  [[gnu::noinline]] std::int64_t read_and_write(std::int64_t length) {
    if (buffer_.empty()) buffer_.resize(buffer_size);
    std::int64_t done = 0;
    while (done < length) {
      const auto wanted = std::min<std::size_t>(buffer_.size(), static_cast<std::size_t>(length - done));
      const ssize_t n = ::pread(from_, buffer_.data(), wanted, at_ + done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -errno;
      if (n == 0) break;
      if (const int error = write_all(n, at_ + done); error != 0) return error;
      done += n;
    }
    return done;
  }

  [[gnu::noinline]] int write_all(ssize_t length, std::int64_t where) noexcept {
    for (ssize_t done = 0; done < length;) {
      const ssize_t n = ::pwrite(to_, buffer_.data() + done, static_cast<std::size_t>(length - done), where + done);
      if (n < 0 && errno != EINTR) return -errno;
      done += std::max<ssize_t>(n, 0);
    }
    return 0;
  }

  const int from_;
  const int to_;
  std::int64_t size_;
  std::int64_t at_ = 0;
  bool kernel_copies_ = true;
  std::vector<char> buffer_;
};

// To open a named pipe would be to wait for its other end, so it is looked at first.
file open_source(const std::filesystem::path& from, const std::filesystem::path& to) {
  const file_status status = io::status(from);
  if (status.is_directory()) detail::fail(EISDIR, "copy " + detail::quoted(from));
  if (!status.is_regular_file()) detail::fail(EINVAL, "copy " + detail::quoted(from) + ", which is no regular file");
  std::error_code error;
  const file_status target = io::status(to, error);
  if (!error && target.is_same_file(status)) {
    detail::fail(EINVAL, "copy " + detail::quoted(from) + " to " + detail::quoted(to) + ", which is the same file");
  }
  return file(from);
}

}  // namespace

std::uint64_t copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const copy_options& o) {
  using detail::pending_file;
  const file source = open_source(from, to);
  if (!o.overwrite && io::exists(to))
    detail::fail(EEXIST, "copy " + detail::quoted(from) + " to " + detail::quoted(to));
  const file_status status = source.status();
  pending_file target(to, static_cast<unsigned>(status.permissions));
  content_copy copy(source.native_handle(), target.out().native_handle(), static_cast<std::int64_t>(status.size));
  int result = blocking([&] { return copy.share() ? 0 : 1; });
  while (result == 1) {
    result = blocking([&] { return copy.step(); });
    if (result >= 0 && o.progress) o.progress(static_cast<std::uint64_t>(copy.done()), status.size);
  }
  if (result < 0) detail::fail(-result, "copy " + detail::quoted(from) + " to " + detail::quoted(to));
  const std::uint64_t size = target.out().size();
  if (o.sync) target.out().sync();
  target.commit(o.overwrite ? pending_file::existing::replaced : pending_file::existing::kept,
                o.sync ? pending_file::durability::synced : pending_file::durability::cached);
  return size;
}

std::uint64_t copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const copy_options& o,
                        std::error_code& error) {
  return detail::reported(error, [&] { return io::copy_file(from, to, o); });
}

}  // namespace weft::io
