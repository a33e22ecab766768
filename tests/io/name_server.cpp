#include "name_server.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace weft::io::test {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t header_size = 12;
constexpr unsigned type_a = 1;
constexpr unsigned type_aaaa = 28;
constexpr unsigned is_answer = 0x8180;
constexpr unsigned is_truncated = 0x0200;
constexpr unsigned server_failed = 2;
constexpr unsigned no_such_name = 3;
constexpr unsigned refused = 5;

class writer {
 public:
  void number(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value >> 8));
    bytes_.push_back(static_cast<std::byte>(value));
  }
  void bytes(std::span<const std::byte> more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

unsigned number_at(std::span<const std::byte> bytes, std::size_t place) {
  return std::to_integer<unsigned>(bytes[place]) << 8 | std::to_integer<unsigned>(bytes[place + 1]);
}

// The name of the question, and where it ends.
std::pair<std::string, std::size_t> name_in(std::span<const std::byte> question) {
  std::string name;
  std::size_t place = header_size;
  while (const auto length = std::to_integer<std::size_t>(question[place])) {
    if (!name.empty()) name += '.';
    name.append(reinterpret_cast<const char*>(&question[place + 1]), length);
    place += length + 1;
  }
  return {name, place + 1};
}

std::span<const std::byte> bytes_of(const address& a) {
  if (a.family() == AF_INET) {
    return std::as_bytes(std::span(&reinterpret_cast<const sockaddr_in*>(a.data())->sin_addr, 1));
  }
  return std::as_bytes(std::span(&reinterpret_cast<const sockaddr_in6*>(a.data())->sin6_addr, 1));
}

// The same port for both.
std::pair<udp_socket, tcp_listener> two_sockets() {
  for (;;) {
    udp_socket udp{"127.0.0.1:0"};
    try {
      tcp_listener tcp{udp.local_address()};
      return {std::move(udp), std::move(tcp)};
    } catch (const std::system_error&) {  // somebody else has that port
    }
  }
}

}  // namespace

name_server::name_server(std::map<std::string, host> hosts) : hosts_(std::move(hosts)) {
  std::tie(udp_, tcp_) = two_sockets();
}

void name_server::start(group& g) {
  g.spawn_daemon([this] { serve_datagrams(); });
  g.spawn_daemon([this] { serve_connections(); });
}

resolve_options name_server::options() const {
  return {.servers = {udp_.local_address()}, .timeout = 20s, .attempts = 3};
}

std::vector<std::byte> name_server::answer_to(std::span<const std::byte> question, bool over_tcp) const {
  const auto [name, end] = name_in(question);
  const unsigned type = number_at(question, end);
  const auto found = hosts_.find(name);
  const host entry = found != hosts_.end() ? found->second : host{};
  std::vector<address> records;
  unsigned flags = is_answer | (found == hosts_.end() ? no_such_name : 0U);
  if (entry.silent_about == (type == type_a ? AF_INET : AF_INET6)) return {};
  switch (entry.how) {
    case behaviour::is_silent:
      return {};
    case behaviour::talks_nonsense:
      return std::vector<std::byte>(question.begin(), question.begin() + 2);
    case behaviour::refuses:
      flags |= refused;
      break;
    case behaviour::fails:
      flags |= server_failed;
      break;
    case behaviour::truncates:
    case behaviour::answers:
      for (const address& a : entry.addresses) {
        if (type == (a.family() == AF_INET ? type_a : type_aaaa)) records.push_back(a);
      }
      break;
  }
  if (entry.how == behaviour::truncates && !over_tcp) {
    flags |= is_truncated;
    records.clear();
  }
  writer answer;
  answer.bytes(question.first(2));
  answer.number(flags);
  answer.number(1);
  answer.number(static_cast<unsigned>(records.size()));
  answer.number(0);
  answer.number(0);
  answer.bytes(question.subspan(header_size, end + 4 - header_size));
  for (const address& a : records) {
    answer.number(0xC000 | header_size);  // the name of the question
    answer.number(type);
    answer.number(1);
    answer.number(0);
    answer.number(60);  // seconds to live
    answer.number(static_cast<unsigned>(bytes_of(a).size()));
    answer.bytes(bytes_of(a));
  }
  return answer.take();
}

void name_server::serve_datagrams() {
  std::array<std::byte, 512> buffer;
  for (;;) {
    const received_from r = udp_.receive_from(buffer);
    ++questions_;
    reply(std::span(buffer).first(r.size), r.from);
  }
}

void name_server::reply(std::span<const std::byte> question, const address& from) {
  std::vector<std::byte> answer = answer_to(question, false);
  if (answer.empty()) return;
  const auto [name, end] = name_in(question);
  const int family = number_at(question, end) == type_aaaa ? AF_INET6 : AF_INET;
  const int other = family == AF_INET6 ? AF_INET : AF_INET6;
  const auto found = hosts_.find(name);
  if (found != hosts_.end() && found->second.late == family && !told_.contains({name, other})) {
    held_[name].push_back({std::move(answer), from});
    return;
  }
  std::error_code ignored;  // who asked may be gone
  udp_.send_to(answer, from, ignored);
  told_.insert({name, family});
  for (const held_answer& h : std::exchange(held_[name], {})) udp_.send_to(h.bytes, h.to, ignored);
}

void name_server::serve_connections() {
  group clients{supervise};
  for (;;) {
    clients.spawn([this, client = tcp_.accept()]() mutable { serve(client); });
  }
}

void name_server::serve(tcp_stream& client) {
  std::array<std::byte, 2> length{};
  std::error_code error;
  while (client.read_exactly(length, error)) {
    std::vector<std::byte> question(number_at(length, 0));
    if (!client.read_exactly(question, error)) return;
    ++questions_;
    const std::vector<std::byte> answer = answer_to(question, true);
    writer framed;
    framed.number(static_cast<unsigned>(answer.size()));
    framed.bytes(answer);
    client.write_all(framed.take(), error);
  }
}

}  // namespace weft::io::test
