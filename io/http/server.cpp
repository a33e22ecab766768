#include <weft/io/http/server.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <weft/io/http/detail/body_source.hpp>
#include <weft/io/http/detail/error_forms.hpp>
#include <weft/io/http/detail/server_connection.hpp>
#include <weft/io/http/detail/server_core.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::http {

namespace {

// Between attempts to accept while there is no descriptor for another connection: longer each time.
class accept_pauses {
 public:
  // True if nobody has been told of this shortage.
  bool begin() noexcept { return !std::exchange(told_, true); }
  void wait() {
    pause_ =
        std::clamp<std::chrono::nanoseconds>(2 * pause_, std::chrono::milliseconds(1), std::chrono::milliseconds(100));
    sleep_for(pause_);
  }
  // It is over when a connection has been accepted without a pause before it.
  void end() noexcept {
    if (pause_ == std::chrono::nanoseconds(0)) told_ = false;
    pause_ = std::chrono::nanoseconds(0);
  }

 private:
  bool told_ = false;
  std::chrono::nanoseconds pause_{0};
};

class counted {
 public:
  explicit counted(std::atomic<std::size_t>& count) noexcept : count_(count) {
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  ~counted() { count_.fetch_sub(1, std::memory_order_relaxed); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  std::atomic<std::size_t>& count_;
};

server_options checked(server_options o) {
  const std::chrono::nanoseconds zero{0};
  if (o.header_timeout <= zero || o.idle_timeout <= zero || o.body_timeout <= zero || o.write_timeout <= zero ||
      o.drain_timeout <= zero) {
    throw std::invalid_argument("weft::io::http: a server's time limits must be more than 0");
  }
  if (o.max_connections == 0)
    throw std::invalid_argument("weft::io::http: a server with max_connections 0 serves nobody");
  return o;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- requests and answers

std::string_view request::path() const noexcept { return target().substr(0, target().find('?')); }

std::string_view request::query() const noexcept {
  const std::size_t mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view() : target().substr(mark + 1);
}

std::size_t request::read_some(std::span<std::byte> buffer) { return body_->read_body(buffer); }

std::string request::text(std::size_t limit) {
  std::string all;
  std::array<std::byte, 4096> part;
  while (const std::size_t n = read_some(part)) {
    if (n > limit - all.size()) throw error(413, "the request's body is too long");
    all.append(reinterpret_cast<const char*>(part.data()), n);
  }
  return all;
}

std::size_t request::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return detail::reporting(error, [&] { return read_some(buffer); });
}

std::string request::text(std::size_t limit, std::error_code& error) {
  return detail::reporting(error, [&] { return text(limit); });
}

response text(std::string body, int status, std::string_view type) {
  response r{.status = status, .body = std::move(body)};
  r.headers.add("Content-Type", type);
  return r;
}

// ---------------------------------------------------------------------------------------------------- server_core

namespace detail {

server_core::server_core(server::handler h, server_options o)
    : handler_(std::move(h)),
      options_(checked(std::move(o))),
      free_(static_cast<std::ptrdiff_t>(options_.max_connections)) {}

void server_core::serve(tcp_listener& listener, const stream_wrapper& wrap) {
  group connections(supervise, "HTTP connections");
  {
    group accepting("HTTP acceptor");
    accepting.spawn([&] { accept_all(listener, wrap, connections); });
    draining_.wait();
    accepting.cancel();
    accepting.join();
  }
  end_idle_connections();
  connections.spawn_daemon([&] {
    sleep_for(options_.drain_timeout);
    connections.cancel();
  });
  connections.join();
}

// One of max_connections.
class server_core::place {
 public:
  // Parks until one is free.
  explicit place(server_core& core) : core_(&core) { core.free_.acquire(); }
  place(place&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  place& operator=(place&&) = delete;
  ~place() {
    if (core_ != nullptr) core_->free_.release();
  }

 private:
  server_core* core_;
};

void server_core::accept_all(tcp_listener& listener, const stream_wrapper& wrap, group& connections) {
  accept_pauses pauses;
  for (;;) {
    place taken(*this);
    try {
      tcp_stream connection = listener.accept();
      pauses.end();
      accepted_.fetch_add(1, std::memory_order_relaxed);
      connections.spawn(
          [this, &wrap, c = std::move(connection), p = std::move(taken)]() mutable { serve_one(std::move(c), wrap); });
    } catch (const std::system_error&) {
      if (!listener.is_open()) return drain();
      if (pauses.begin()) tell_error(std::current_exception(), nullptr);
      pauses.wait();
    }
  }
}

void server_core::serve_one(tcp_stream connection, const stream_wrapper& wrap) {
  const counted here(connections_);
  try {
    connection.set_no_delay(true);
    const address peer = connection.peer_address();
    any_stream stream;
    if (wrap) {
      try {
        stream = with_deadline(options_.header_timeout, [&] { return wrap(std::move(connection)); });
      } catch (const std::exception&) {
        return tell_error(std::current_exception(), nullptr);
      }
    } else {
      stream = std::move(connection);
    }
    server_connection(*this, std::move(stream), peer).run();
  } catch (const std::system_error&) {  // the client is gone, or does not read
  }
}

void server_core::tell_error(std::exception_ptr what, const request* r) const noexcept {
  if (options_.on_error) options_.on_error(std::move(what), r);
}

void server_core::tell_answer(const request& r, int status) const noexcept {
  if (options_.on_answer) options_.on_answer(r, status);
}

void server_core::enlist(connection_entry& c) noexcept {
  const std::lock_guard guard(mutex_);
  c.next = first_;
  if (first_ != nullptr) first_->previous = &c;
  first_ = &c;
}

void server_core::remove(connection_entry& c) noexcept {
  const std::lock_guard guard(mutex_);
  (c.previous != nullptr ? c.previous->next : first_) = c.next;
  if (c.next != nullptr) c.next->previous = c.previous;
}

// Either this sees that the server drains, or the drainer sees that the connection is idle.
bool server_core::set_idle(connection_entry& c) const noexcept {
  c.idle.store(true, std::memory_order_seq_cst);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!draining_.is_set()) return true;
  c.idle.store(false, std::memory_order_relaxed);
  return false;
}

// Who waits for a request sees the end of the stream; a request that has come already is still read.
void server_core::end_idle_connections() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::lock_guard guard(mutex_);
  for (const connection_entry* c = first_; c != nullptr; c = c->next) {
    if (c->idle.load(std::memory_order_seq_cst)) ::shutdown(c->fd, SHUT_RD);
  }
}

server_statistics server_core::statistics() const noexcept {
  return {.connections = connections_.load(std::memory_order_relaxed),
          .accepted = accepted_.load(std::memory_order_relaxed),
          .requests = requests_.load(std::memory_order_relaxed)};
}

}  // namespace detail

// ---------------------------------------------------------------------------------------------------- server

server::server(handler h, server_options options)
    : core_(std::make_unique<detail::server_core>(std::move(h), std::move(options))) {}
server::~server() = default;

void server::serve(tcp_listener& listener, const stream_wrapper& wrap) { core_->serve(listener, wrap); }
void server::drain() noexcept { core_->drain(); }
server_statistics server::statistics() const noexcept { return core_->statistics(); }

}  // namespace weft::io::http
