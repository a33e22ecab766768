#include <weft/io/unix_address.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace weft::io {

namespace {

constexpr socklen_t head = offsetof(sockaddr_un, sun_path);
constexpr std::size_t room = sizeof(sockaddr_un::sun_path);

[[noreturn]] void reject(int error, std::string_view text, const char* why) {
  throw std::system_error(error, std::generic_category(),
                          "weft::io: \"" + std::string(text) + "\" is no address of a Unix socket: " + why);
}

}  // namespace

unix_address::unix_address(std::string_view text) : unix_address() {
  const bool abstract = text.starts_with('@');
  if (!abstract && text.find('\0') != std::string_view::npos) reject(EINVAL, text, "there is a zero byte in the path");
  if (text.size() >= room) {
    reject(ENAMETOOLONG, text,
           "it has more than 107 bytes (use a shorter path, one relative to the current folder, or an abstract name)");
  }
  std::copy(text.begin(), text.end(), raw_.sun_path);
  if (abstract) raw_.sun_path[0] = '\0';
  length_ = text.size();
}

// A sender without a name has an address of no length.
unix_address::unix_address(const sockaddr* raw, socklen_t size) : unix_address() {
  if (size < head) return;
  if (raw->sa_family != AF_UNIX || size > sizeof raw_) {
    throw std::system_error(EAFNOSUPPORT, std::generic_category(),
                            "weft::io: a socket's address is not that of a Unix socket");
  }
  std::memcpy(&raw_, raw, size);
  length_ = size - head;
  if (is_path()) length_ = ::strnlen(raw_.sun_path, length_);
}

std::string unix_address::to_string() const {
  if (is_unnamed()) return "(unnamed)";
  std::string text(name());
  if (is_abstract()) text.front() = '@';
  return text;
}

// A path's final zero counts; an abstract name has none.
socklen_t unix_address::size() const noexcept { return head + static_cast<socklen_t>(length_) + (is_path() ? 1 : 0); }

}  // namespace weft::io
