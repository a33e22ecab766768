#include <weft/wasm/detail/files.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace weft::wasm::detail {

namespace {

constexpr std::size_t largest_file = std::size_t{2} << 30;
constexpr std::size_t piece = std::size_t{256} << 10;

[[noreturn]] void cannot_read(const std::filesystem::path& file, int error) {
  throw std::system_error(error, std::generic_category(), "cannot read '" + file.string() + "'");
}

}  // namespace

void unique_fd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

mapping::mapping(int fd, std::size_t size) : size_(size) {
  if (size == 0) return;
  data_ = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "cannot map a file");
}

mapping::~mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

std::vector<std::byte> read_whole(const std::filesystem::path& file) {
  const unique_fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) cannot_read(file, errno);
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) cannot_read(file, errno);
  std::vector<std::byte> bytes;
  std::size_t used = 0;
  for (;;) {
    const std::size_t expected = S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : 0;
    if (bytes.size() == used) bytes.resize(used < expected ? expected : used + piece);
    const ssize_t n = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_read(file, errno);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (used > largest_file) cannot_read(file, EFBIG);
  }
  bytes.resize(used);
  return bytes;
}

bool write_whole(int fd, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace weft::wasm::detail
