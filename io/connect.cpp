#include <weft/io/connect.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/channel.hpp>

namespace weft::io {

namespace {

struct attempt {
  std::size_t which = 0;
  tcp_stream stream;
  std::error_code error;
};

struct outcome {
  tcp_stream stream;                    // open if one was connected
  std::vector<std::error_code> errors;  // of each address, else
};

attempt try_address(std::span<const address> addresses, std::size_t which) {
  attempt a{.which = which, .stream = {}, .error = {}};
  a.stream = tcp_stream::connect(addresses[which], a.error);
  return a;
}

// True if that was the last: connected.
bool note(attempt& a, outcome& o) {
  o.errors[a.which] = a.error;
  if (!a.error) o.stream = std::move(a.stream);
  return !a.error;
}

outcome one_after_another(std::span<const address> addresses) {
  outcome o{.stream = {}, .errors = std::vector<std::error_code>(addresses.size())};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    attempt a = try_address(addresses, i);
    if (note(a, o)) break;
  }
  return o;
}

// Leaving the group gives up the attempts that are still in progress, and waits for their end. One that has connected nevertheless is
// closed with the channel.
outcome race(std::span<const address> addresses, std::chrono::nanoseconds stagger) {
  outcome o{.stream = {}, .errors = std::vector<std::error_code>(addresses.size())};
  auto [send, receive] = make_channel<attempt>(addresses.size());
  group attempts("connect");
  std::size_t begun = 0;
  for (std::size_t ended = 0; ended < addresses.size();) {
    if (begun < addresses.size()) {
      attempts.spawn([&addresses, &to = send, which = begun++] { (void)to.send(try_address(addresses, which)); },
                     {.name = "connect to an address"});
    }
    std::optional<attempt> a = begun < addresses.size() ? receive.receive_for(stagger) : receive.receive();
    if (!a) continue;
    ++ended;
    if (note(*a, o)) break;
  }
  attempts.cancel();
  attempts.join();
  return o;
}

outcome connect_to(std::span<const address> addresses, std::chrono::nanoseconds stagger) {
  return addresses.size() > 1 && in_fiber() ? race(addresses, stagger) : one_after_another(addresses);
}

// The families take turns, the best address's first.
void interleave(std::vector<address>& addresses) {
  if (addresses.empty()) return;
  const int first_family = addresses.front().family();
  std::vector<address> first;
  std::vector<address> second;
  for (const address& a : addresses) (a.family() == first_family ? first : second).push_back(a);
  addresses.clear();
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) addresses.push_back(first[i]);
    if (i < second.size()) addresses.push_back(second[i]);
  }
}

[[noreturn]] void fail(const std::string& what, std::span<const address> addresses, const outcome& o) {
  std::string text = "weft::io: cannot connect to " + what;
  if (addresses.size() > 1) {
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      text += (i == 0 ? ": tried " : ", ") + addresses[i].to_string() + " (" + o.errors[i].message() + ")";
    }
  } else if (what != addresses.front().to_string()) {
    text += " at " + addresses.front().to_string();
  }
  throw std::system_error(o.errors.front(), text);
}

}  // namespace

tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options) {
  std::vector<address> addresses = resolve(host, service, options.resolve);
  interleave(addresses);
  outcome o = connect_to(addresses, options.stagger);
  if (!o.stream.is_open()) fail(std::string(host) + ":" + std::string(service), addresses, o);
  return std::move(o.stream);
}

tcp_stream connect(std::string_view host, std::string_view service, const connect_options& options,
                   std::error_code& error) {
  std::vector<address> addresses = resolve(host, service, options.resolve, error);
  if (error) return {};
  interleave(addresses);
  outcome o = connect_to(addresses, options.stagger);
  if (!o.stream.is_open()) error = o.errors.front();
  return std::move(o.stream);
}

tcp_stream connect_any(std::span<const address> addresses, std::chrono::nanoseconds stagger) {
  if (addresses.empty()) throw std::invalid_argument("weft::io: connect_any() needs an address");
  outcome o = connect_to(addresses, stagger);
  if (!o.stream.is_open())
    fail(addresses.front().to_string() + (addresses.size() > 1 ? " and others" : ""), addresses, o);
  return std::move(o.stream);
}

}  // namespace weft::io
