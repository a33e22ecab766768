#include <weft/io/detail/listening_socket.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include <weft/io/detail/report.hpp>
#include <weft/io/detail/socket_calls.hpp>
#include <weft/io/detail/transfer.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds first_pause = 1ms;
constexpr std::chrono::nanoseconds most_pause = 100ms;

// What accept(2) may report about the connection, rather than about the listener.
bool concerns_one_connection(std::int64_t result) noexcept {
  switch (-result) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

bool is_shortage(std::int64_t result) noexcept {
  return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

std::string line_about(std::int64_t result, const std::string& listener) {
  const char* remedy = result == -EMFILE   ? "raise RLIMIT_NOFILE (ulimit -n), or serve fewer connections at once"
                       : result == -ENFILE ? "raise the sysctl fs.file-max"
                                           : "free some memory";
  return "weft::io: the " + listener +
         " accepts nothing for the moment: " + std::generic_category().message(static_cast<int>(-result)) +
         "; remedy: " + remedy;
}

}  // namespace

// Of one listener; used by all who accept from it.
class listening_socket::pauses {
 public:
  explicit pauses(const shortage_options& options) : options_(options) {}

  void report(std::int64_t result, const std::string& listener) {
    if (reported_.exchange(true, std::memory_order_relaxed)) return;
    const std::string line = line_about(result, listener);
    if (options_.report) {
      options_.report(line);
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
  }
  void note_success() noexcept {
    if (reported_.load(std::memory_order_relaxed)) reported_.store(false, std::memory_order_relaxed);
  }

 private:
  const shortage_options options_;
  std::atomic<bool> reported_{false};
};

listening_socket::listening_socket() = default;
listening_socket::listening_socket(listening_socket&&) noexcept = default;
listening_socket& listening_socket::operator=(listening_socket&&) noexcept = default;
listening_socket::~listening_socket() = default;

listening_socket::listening_socket(int fd, const shortage_options& shortage)
    : socket_base(descriptor_handle(fd, &describe)),
      pauses_(shortage.pause ? std::make_shared<pauses>(shortage) : nullptr) {}

std::string listening_socket::describe(int fd) { return "listener on " + own_name_of(fd); }

std::int64_t listening_socket::next_connection(const descriptor_use& use) {
  const std::shared_ptr<pauses> shortage = pauses_;
  std::chrono::nanoseconds pause{0};
  for (;;) {
    const std::int64_t result = accept_one(use.fd(), use.target());
    if (concerns_one_connection(result)) continue;
    if (shortage == nullptr) return result;
    if (!is_shortage(result)) {
      if (pause == 0ns) shortage->note_success();
      return result;
    }
    shortage->report(result, use.target()->describe());
    pause = std::clamp(2 * pause, first_pause, most_pause);
    sleep_for(pause);
  }
}

int listening_socket::accept_descriptor() {
  const descriptor_use use(descriptor_, "accept from");
  return static_cast<int>(use.check(next_connection(use)));
}

int listening_socket::accept_descriptor(std::error_code& error) {
  const descriptor_use use(descriptor_, error);
  if (!use) return -1;
  const auto fd = static_cast<int>(report(next_connection(use), error));
  return error ? -1 : fd;
}

void check_listener(int fd, int family, int other_family) {
  const std::int64_t listening = check_listening(fd);
  const std::int64_t domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
  const bool of_family = domain == family || domain == other_family;
  if (listening == 0 && of_family) return;
  const char* why = listening == -EINVAL ? " is a socket that does not listen"
                    : listening != 0     ? " is no open socket"
                                         : " listens, but at addresses of another family";
  const std::string number = std::to_string(fd);
  close_now(fd);
  throw std::system_error(listening != 0 ? static_cast<int>(-listening) : EAFNOSUPPORT, std::generic_category(),
                          "weft::io: cannot accept from descriptor " + number + ": it" + why);
}

}  // namespace weft::io::detail
