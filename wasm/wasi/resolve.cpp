#include <weft/wasm/wasi/resolve.hpp>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace weft::wasm::wasi {

namespace {

// How many bytes a character of UTF-8 takes that begins here, or 0 if this is none.
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool too_high = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || too_high ? 0 : length;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

}  // namespace

std::string path_text(const guest_memory& memory, pointer at, size length) {
  const std::string_view text = memory.text(at, length);
  if (text.empty()) throw failure{errc::noent};
  if (text.size() >= PATH_MAX) throw failure{errc::nametoolong};
  if (!is_utf8(text)) throw failure{errc::ilseq};
  if (text.find('\0') != std::string_view::npos) throw failure{errc::inval};
  return std::string(text);
}

int open_beneath(int directory, const char* path, std::uint64_t flags, std::uint64_t mode) noexcept {
  // While others rename directories the kernel cannot always be sure that a walk stayed beneath, and asks for another
  // try.
  constexpr int tries = 64;
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int i = 0;; ++i) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EINTR && (errno != EAGAIN || i >= tries)) return -errno;
  }
}

errc from_path_errno(int error) noexcept { return error == EXDEV ? errc::notcapable : from_errno(error); }

parent::parent(int directory, const std::string& path) : directory_(directory) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) throw failure{errc::notcapable};  // "/": an absolute path
  const std::size_t slash = path.find_last_of('/', end);
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  if (slash == std::string::npos) return;
  const std::string above = path.substr(0, slash + 1);
  const int fd = open_beneath(directory, above.c_str(), O_PATH | O_DIRECTORY, 0);
  if (fd < 0) throw failure{from_path_errno(-fd)};
  opened_.reset(fd);
}

std::string parent::without_trailing_slashes() const { return name_.substr(0, name_.find_last_not_of('/') + 1); }

const char* parent::name(errc refusal) const {
  const std::string bare = without_trailing_slashes();
  if (bare == ".") throw failure{refusal};
  if (bare == "..") {
    const detail::unique_fd above(open_beneath(directory(), "..", O_PATH | O_DIRECTORY, 0));
    // Relative to the directory that was opened, ".." is out of it; only from the guest's own directory could it be
    // told apart.
    throw failure{opened_ || above ? refusal : errc::notcapable};
  }
  return name_.c_str();
}

}  // namespace weft::wasm::wasi
