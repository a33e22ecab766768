#include "echo.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <weft/scheduler/this_fiber.hpp>

namespace demo {
namespace {

constexpr std::size_t longest_message = 4096;

// A client that goes away in the middle of a message is none of the server's faults.
void echo(weft::io::tcp_stream connection) {
  std::array<std::byte, longest_message> buffer;
  try {
    while (const std::size_t size = connection.read_some(buffer)) connection.write_all(std::span(buffer).first(size));
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::connection_reset && e.code() != std::errc::broken_pipe) throw;
  }
}

}  // namespace

echo_load::echo_load(unsigned clients) : listener_("127.0.0.1:0"), clients_(clients) {}

void echo_load::start_clients(weft::group& g, std::chrono::nanoseconds pace) {
  for (unsigned i = 0; i < clients_.size(); ++i) {
    g.spawn([this, i, pace] { run_client(i, pace); }, {.name = "echo client"});
  }
}

void echo_load::serve() {
  weft::group connections("echo connections");
  while (true) {
    connections.spawn([connection = listener_.accept()]() mutable { echo(std::move(connection)); });
  }
}

void echo_load::run_client(unsigned number, std::chrono::nanoseconds pace) {
  auto connection = weft::io::tcp_stream::connect(listener_.local_address());
  connection.set_no_delay(true);
  std::mt19937 random(number);
  std::array<std::byte, longest_message> sent, received;
  while (true) {
    const std::size_t size = 1 + random() % longest_message;
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<std::byte>(random());
    const auto start = std::chrono::steady_clock::now();
    connection.write_all(std::span(sent).first(size));
    if (!connection.read_exactly(std::span(received).first(size))) {
      throw std::runtime_error("the echo server closed the connection of client " + std::to_string(number));
    }
    clients_[number].round_trips.add(std::chrono::steady_clock::now() - start);
    if (!std::equal(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size), received.begin())) {
      throw std::runtime_error("the echo of message " + std::to_string(clients_[number].round_trips.count()) +
                               " of client " + std::to_string(number) + " differs from what was sent");
    }
    messages_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(size, std::memory_order_relaxed);
    weft::sleep_for(pace);
  }
}

samples echo_load::round_trips() const {
  samples all;
  for (const client_state& client : clients_) all.append(client.round_trips);
  return all;
}

}  // namespace demo
