#include <weft/io/resolve.hpp>

#include <ares.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <span>

#include <weft/io/detail/host_lookup.hpp>
#include <weft/io/detail/poll_many.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/testing.hpp>

namespace weft::io {

namespace {

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "weft::io::resolve"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<resolve_errc>(value)) {
      case resolve_errc::not_found:
        return "no host has that name";
      case resolve_errc::no_address:
        return "the name has no address of the wanted family";
      case resolve_errc::timed_out:
        return "no name server answered in time";
      case resolve_errc::refused:
        return "every name server refused, failed or could not be reached";
      case resolve_errc::bad_name:
        return "no host can have that name";
      case resolve_errc::bad_answer:
        return "the name server's answer makes no sense";
      case resolve_errc::unknown_service:
        return "there is no service of that name";
      case resolve_errc::bad_configuration:
        return "the configuration of name servers cannot be used";
    }
    return "unknown error";
  }
};

// ---------------------------------------------------------------------------------------------------- sockets

// c-ares's own would not be close-on-exec from the first moment.
ares_socket_t open_socket(int family, int type, int protocol, void* /*context*/) {
  return ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}
int close_socket(ares_socket_t fd, void* /*context*/) { return ::close(fd); }
int connect_socket(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void* /*context*/) {
  return ::connect(fd, to, size);
}
ares_ssize_t receive_from(ares_socket_t fd, void* data, std::size_t size, int flags, sockaddr* from,
                          ares_socklen_t* from_size, void* /*context*/) {
  return ::recvfrom(fd, data, size, flags, from, from_size);
}
ares_ssize_t send_vectors(ares_socket_t fd, const iovec* vectors, int count, void* /*context*/) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(vectors);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}
constexpr ares_socket_functions socket_functions{.asocket = &open_socket,
                                                 .aclose = &close_socket,
                                                 .aconnect = &connect_socket,
                                                 .arecvfrom = &receive_from,
                                                 .asendv = &send_vectors};

// ---------------------------------------------------------------------------------------------------- errors

std::error_code code_of(int status) noexcept {
  switch (status) {
    case ARES_SUCCESS:
      return {};
    case ARES_ENOTFOUND:
      return resolve_errc::not_found;
    case ARES_ENODATA:
      return resolve_errc::no_address;
    case ARES_ETIMEOUT:
      return resolve_errc::timed_out;
    case ARES_ECONNREFUSED:  // also where an answer said so, or that the server failed
    case ARES_EREFUSED:
    case ARES_ESERVFAIL:
      return resolve_errc::refused;
    case ARES_EBADNAME:
    case ARES_ENONAME:
      return resolve_errc::bad_name;
    case ARES_ESERVICE:
      return resolve_errc::unknown_service;
    case ARES_EFILE:
    case ARES_EBADSTR:
      return resolve_errc::bad_configuration;
    case ARES_ENOMEM:
      return std::make_error_code(std::errc::not_enough_memory);
    default:
      return resolve_errc::bad_answer;
  }
}

const char* remedy_for(const std::error_code& error) noexcept {
  if (error.category() != resolve_category()) return "";
  switch (static_cast<resolve_errc>(error.value())) {
    case resolve_errc::not_found:
    case resolve_errc::bad_name:
      return " (check the spelling; names of your own go into /etc/hosts)";
    case resolve_errc::no_address:
      return " (ask for the other family as well: resolve_options::family)";
    case resolve_errc::timed_out:
      return " (is there a network? the name servers are those of /etc/resolv.conf)";
    case resolve_errc::refused:
      return " (do the name servers of /etc/resolv.conf run, and serve this machine? Else try again later)";
    case resolve_errc::bad_answer:
      return " (try again later, or another name server)";
    case resolve_errc::unknown_service:
      return " (use a port number from 0 to 65535, or a name of /etc/services)";
    case resolve_errc::bad_configuration:
      return " (look at /etc/resolv.conf and at resolve_options)";
  }
  return "";
}

// ---------------------------------------------------------------------------------------------------- what needs no question

// Where the machine keeps its services may be a network's directory, which blocks.
std::optional<std::uint16_t> port_of(std::string_view service) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(service.data(), service.data() + service.size(), port);
  if (error == std::errc() && end == service.data() + service.size()) return port;
  return blocking([name = std::string(service)]() -> std::optional<std::uint16_t> {
    servent entry{};
    servent* found = nullptr;
    std::array<char, 1024> room;
    ::getservbyname_r(name.c_str(), "tcp", &entry, room.data(), room.size(), &found);
    if (found == nullptr) ::getservbyname_r(name.c_str(), "udp", &entry, room.data(), room.size(), &found);
    if (found == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(found->s_port));
  });
}

std::optional<address> literal(const std::string& host, std::uint16_t port) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return address(host + ":0").with_port(port);
  in6_addr six{};
  if (::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &six) != 1) return std::nullopt;
  return address("[" + host + "]:0").with_port(port);
}

// ---------------------------------------------------------------------------------------------------- lookups

struct answer {
  bool come = false;
  int status = ARES_SUCCESS;
  std::vector<address> addresses;
};

// Destroying the channel ends the question too; whoever asked is about to leave then.
void take_answer(void* to, int status, int /*timeouts*/, ares_addrinfo* found) {
  if (status == ARES_EDESTRUCTION) return;
  auto& a = *static_cast<answer*>(to);
  a.come = true;
  a.status = status;
  const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(found, &ares_freeaddrinfo);
  if (found == nullptr) return;
  try {
    for (const ares_addrinfo_node* n = found->nodes; n != nullptr; n = n->ai_next) {
      const address one(n->ai_addr, n->ai_addrlen);
      if (std::find(a.addresses.begin(), a.addresses.end(), one) == a.addresses.end()) a.addresses.push_back(one);
    }
  } catch (const std::bad_alloc&) {  // not through C code
    a.status = ARES_ENOMEM;
  }
}

class lookup {
 public:
  explicit lookup(const resolve_options& options) : status_(open(options)) {}
  ~lookup() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;

  // Returns what c-ares calls a status.
  int run(const std::string& host, std::uint16_t port, int family, std::vector<address>& addresses) {
    if (status_ != ARES_SUCCESS) return status_;
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_flags = ARES_AI_NUMERICSERV;
    ares_getaddrinfo(channel_, host.c_str(), std::to_string(port).c_str(), &hints, &take_answer, &answer_);
    while (!answer_.come) wait_and_go_on();
    addresses = std::move(answer_.addresses);
    return answer_.status == ARES_SUCCESS && addresses.empty() ? int{ARES_ENODATA} : answer_.status;
  }

 private:
  int open(const resolve_options& options) {
    ares_options o{};
    int set = ARES_OPT_FLAGS;
    if (options.timeout.count() > 0) {
      o.timeout = static_cast<int>(std::min<std::chrono::milliseconds::rep>(options.timeout.count(), 1'000'000));
      set |= ARES_OPT_TIMEOUTMS;
    }
    if (options.attempts > 0) {
      o.tries = options.attempts;
      set |= ARES_OPT_TRIES;
    }
    if (const int status = ares_init_options(&channel_, &o, set); status != ARES_SUCCESS) return status;
    ares_set_socket_functions(channel_, &socket_functions, nullptr);
    if (options.servers.empty()) return ARES_SUCCESS;
    std::string list;
    for (const address& a : options.servers) list += (list.empty() ? "" : ",") + a.to_string();
    return ares_set_servers_ports_csv(channel_, list.c_str());
  }

  void wait_and_go_on() {
    std::array<pollfd, ARES_GETSOCK_MAXNUM> what{};
    const std::span<pollfd> waiting = std::span(what).first(fill(what));
    const std::int64_t ready = detail::poll_many(waiting, limit());
    if (ready <= 0) return ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (const pollfd& p : waiting) {
      const bool readable = (p.revents & ~POLLOUT) != 0;
      const bool writable = (p.revents & ~POLLIN) != 0;
      if (readable || writable) {
        ares_process_fd(channel_, readable ? p.fd : ARES_SOCKET_BAD, writable ? p.fd : ARES_SOCKET_BAD);
      }
    }
  }

  std::size_t fill(std::span<pollfd> what) const {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int bits = ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM);
    std::size_t count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const short events = static_cast<short>((ARES_GETSOCK_READABLE(bits, i) != 0 ? POLLIN : 0) |
                                              (ARES_GETSOCK_WRITABLE(bits, i) != 0 ? POLLOUT : 0));
      if (events == 0) continue;
      what[count++] = {.fd = sockets[static_cast<std::size_t>(i)], .events = events, .revents = 0};
    }
    return count;
  }

  // When c-ares wants to be called although nothing has come.
  detail::time_point limit() const {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return detail::time_point::max();
    return testing::now() + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
           std::chrono::milliseconds(1);
  }

  answer answer_;
  ares_channel channel_ = nullptr;
  int status_;
};

}  // namespace

const std::error_category& resolve_category() noexcept {
  static const category instance;
  return instance;
}

std::vector<address> resolve(std::string_view host, std::string_view service, const resolve_options& options,
                             std::error_code& error) {
  detail::begin_call();
  error.clear();
  const std::optional<std::uint16_t> port = port_of(service);
  if (!port) {
    error = resolve_errc::unknown_service;
    return {};
  }
  if (host.empty() || host.find('\0') != std::string_view::npos) {
    error = resolve_errc::bad_name;
    return {};
  }
  const std::string name(host);
  std::vector<address> addresses;
  if (const std::optional<address> one = literal(name, *port)) {
    if (options.family == AF_UNSPEC || options.family == one->family()) return {*one};
    error = resolve_errc::no_address;
    return {};
  }
  error = code_of(lookup(options).run(name, *port, options.family, addresses));
  return error ? std::vector<address>() : addresses;
}

std::vector<address> resolve(std::string_view host, std::string_view service, const resolve_options& options) {
  std::error_code error;
  std::vector<address> addresses = resolve(host, service, options, error);
  if (error) detail::throw_unresolved(host, service, error);
  return addresses;
}

bool detail::is_numeric_host(std::string_view host) {
  return host.find('\0') == std::string_view::npos && literal(std::string(host), 0).has_value();
}

void detail::throw_unresolved(std::string_view host, std::string_view service, const std::error_code& error) {
  const bool service_is_wrong = error == resolve_errc::unknown_service;
  throw std::system_error(error, "weft::io: cannot find the " +
                                     (service_is_wrong ? "port of service '" + std::string(service) + "'"
                                                       : "address of host '" + std::string(host) + "'") +
                                     remedy_for(error));
}

}  // namespace weft::io
