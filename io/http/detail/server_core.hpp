// What the connections of a server share.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <weft/io/http/server.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft::io::http::detail {

// A connection as drain() sees it: whether it may be ended at once.
struct connection_entry {
  int fd = -1;
  std::atomic<bool> idle{false};
  connection_entry* next = nullptr;
  connection_entry* previous = nullptr;
};

class server_core {
 public:
  server_core(server::handler h, server_options o);

  void serve(tcp_listener& listener, const stream_wrapper& wrap);
  void drain() noexcept { draining_.set(); }
  [[nodiscard]] server_statistics statistics() const noexcept;

  // For connections.
  [[nodiscard]] const server_options& options() const noexcept { return options_; }
  [[nodiscard]] const server::handler& handler() const noexcept { return handler_; }
  [[nodiscard]] bool draining() const noexcept { return draining_.is_set(); }
  void tell_error(std::exception_ptr what, const request* r) const noexcept;
  void tell_answer(const request& r, int status) const noexcept;
  void count_request() noexcept { requests_.fetch_add(1, std::memory_order_relaxed); }
  void enlist(connection_entry& c) noexcept;
  void remove(connection_entry& c) noexcept;
  // Says that the connection waits for a request; false if it must not, because the server drains.
  [[nodiscard]] bool set_idle(connection_entry& c) const noexcept;

 private:
  class place;
  void accept_all(tcp_listener& listener, const stream_wrapper& wrap, group& connections);
  void serve_one(tcp_stream connection, const stream_wrapper& wrap);
  void end_idle_connections() noexcept;

  const server::handler handler_;
  const server_options options_;
  event draining_;
  counting_semaphore<> free_;
  std::mutex mutex_;  // of the list; never held across a wait
  connection_entry* first_ = nullptr;
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace weft::io::http::detail
