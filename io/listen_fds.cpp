#include <weft/io/listen_fds.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/system_calls.hpp>

namespace weft::io {

namespace {

constexpr int first_descriptor = 3;

struct variables {
  std::optional<std::string> count;
  std::optional<std::string> process;
  std::optional<std::string> names;
};

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(),
                          "weft::io: cannot take over the sockets of the environment: " + what);
}

std::optional<std::string> take(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string text = value;
  ::unsetenv(name);
  return text;
}

variables take_variables() {
  variables v;
  v.count = take("LISTEN_FDS");
  v.process = take("LISTEN_PID");
  v.names = take("LISTEN_FDNAMES");
  return v;
}

long number_in(const char* variable, const std::string& text, long most) {
  long value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    fail(EINVAL, std::string(variable) + " is \"" + text + "\", which is no number from 0 to " + std::to_string(most));
  }
  return value;
}

void check_process(const std::optional<std::string>& process) {
  if (!process) fail(EINVAL, "LISTEN_FDS is set but LISTEN_PID, which says for which process, is not");
  const long wanted = number_in("LISTEN_PID", *process, INT_MAX);
  if (wanted == ::getpid()) return;
  fail(EINVAL, "LISTEN_PID says that they are for process " + *process + ", and this is " + std::to_string(::getpid()) +
                   " (a wrapper in between must exec this program, or unset the variables)");
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t colon = text.find(':');
    parts.emplace_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

std::vector<std::string> names_of(const std::optional<std::string>& text, std::size_t count) {
  if (!text) return std::vector<std::string>(count, "unknown");
  std::vector<std::string> names = split(*text);
  if (names.size() != count) {
    fail(EINVAL, "LISTEN_FDNAMES has " + std::to_string(names.size()) + " names (\"" + *text + "\") for " +
                     std::to_string(count) + " descriptors");
  }
  return names;
}

[[gnu::noinline]] int set_close_on_exec(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFD);
  return flags >= 0 && ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0 ? 0 : errno;
}

socket_kind kind_of(int fd) noexcept {
  const std::int64_t family = detail::option_of(fd, SOL_SOCKET, SO_DOMAIN);
  const std::int64_t type = detail::option_of(fd, SOL_SOCKET, SO_TYPE);
  const bool internet = family == AF_INET || family == AF_INET6;
  if (type == SOCK_STREAM && detail::check_listening(fd) == 0) {
    return internet ? socket_kind::tcp_listener : family == AF_UNIX ? socket_kind::unix_listener : socket_kind::other;
  }
  if (type == SOCK_DGRAM) {
    return internet ? socket_kind::udp : family == AF_UNIX ? socket_kind::unix_datagram : socket_kind::other;
  }
  return socket_kind::other;
}

// What is not open is nobody's, and must not be closed by whoever has taken it over.
void check_open(int fd) {
  if (const int error = set_close_on_exec(fd); error != 0) {
    fail(error, "descriptor " + std::to_string(fd) + " is not open, though LISTEN_FDS counts it");
  }
}

}  // namespace

std::vector<passed_socket> listeners_from_environment() {
  const variables v = take_variables();
  if (!v.count) return {};
  check_process(v.process);
  const auto count = static_cast<int>(number_in("LISTEN_FDS", *v.count, INT_MAX - first_descriptor));
  for (int fd = first_descriptor; fd < first_descriptor + count; ++fd) check_open(fd);
  std::vector<std::string> names = names_of(v.names, static_cast<std::size_t>(count));
  std::vector<passed_socket> sockets;
  for (int i = 0; i < count; ++i) {
    unique_descriptor descriptor(first_descriptor + i);
    if (detail::option_of(descriptor.get(), SOL_SOCKET, SO_TYPE) < 0) {
      const int fd = descriptor.release();
      fail(ENOTSOCK,
           "descriptor " + std::to_string(fd) + " (\"" + names[static_cast<std::size_t>(i)] + "\") is no socket");
    }
    const socket_kind kind = kind_of(descriptor.get());
    sockets.push_back(
        {.name = std::move(names[static_cast<std::size_t>(i)]), .kind = kind, .descriptor = std::move(descriptor)});
  }
  return sockets;
}

}  // namespace weft::io
