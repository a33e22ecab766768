#include "io_support.hpp"

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>

#include "name_server.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using connect_test = io_test;

bool contains(const std::system_error& e, std::string_view text) {
  return std::string_view(e.what()).find(text) != std::string_view::npos;
}

// A listener whose queue is full: who connects to it waits.
class deaf_listener {
 public:
  explicit deaf_listener(const address& where) : listener_(where, {.backlog = 0}) {
    try {
      for (;;) {
        queued_.push_back(
            with_deadline(20ms, [this] { return std::optional(tcp_stream::connect(listener_.local_address())); }));
      }
    } catch (const timeout_error&) {
    }
  }
  [[nodiscard]] address where() const { return listener_.local_address(); }

 private:
  tcp_listener listener_;
  std::vector<std::optional<tcp_stream>> queued_;
};

// 127.0.0.2 and so on are addresses of this machine, too.
address host(int last, std::uint16_t port) {
  return address("127.0.0." + std::to_string(last) + ":" + std::to_string(port));
}

TEST_F(connect_test, one_that_refuses_gives_way_at_once) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.3:0"};
    const std::uint16_t port = listener.local_address().port();
    const std::vector<address> addresses{host(1, port), host(2, port), host(3, port)};
    const tcp_stream s = connect_any(addresses, 1h);
    EXPECT_EQ(s.peer_address(), listener.local_address());
    EXPECT_EQ(listener.accept().peer_address(), s.local_address());
  });
}

TEST_F(connect_test, one_that_does_not_answer_is_overtaken_and_given_up) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.3:0"};
    const std::uint16_t port = listener.local_address().port();
    const deaf_listener deaf(host(2, port));
    const std::vector<address> addresses{host(2, port), host(3, port)};
    for (int i = 0; i < 5; ++i) {
      const tcp_stream s = connect_any(addresses, 1ms);
      EXPECT_EQ(s.peer_address(), listener.local_address());
    }
  });
}

TEST_F(connect_test, the_first_that_answers_is_enough) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.1:0"};
    const std::uint16_t port = listener.local_address().port();
    const deaf_listener deaf(host(2, port));
    const std::vector<address> addresses{host(1, port), host(2, port)};
    const std::uint64_t before = operations();
    EXPECT_EQ(connect_any(addresses, 1h).peer_address(), listener.local_address());
    EXPECT_EQ(operations(), before + 1) << "the second was never begun";
  });
}

TEST_F(connect_test, all_that_failed_are_named) {
  weft::test::run([] {
    tcp_listener gone{"127.0.0.1:0"};
    const std::uint16_t port = gone.local_address().port();
    gone.close();
    const std::vector<address> addresses{host(1, port), host(2, port)};
    const std::system_error e = error_of([&] { (void)connect_any(addresses, 1h); });
    EXPECT_EQ(e.code().value(), ECONNREFUSED);
    for (const address& a : addresses) {
      EXPECT_TRUE(contains(e, a.to_string() + " (Connection refused)")) << e.what();
    }
    EXPECT_THROW((void)connect_any({}), std::invalid_argument);
  });
}

TEST_F(connect_test, waiting_can_be_cancelled) {
  weft::test::run([] {
    const deaf_listener deaf(address("127.0.0.1:0"));
    const std::vector<address> addresses{deaf.where(), deaf.where(), deaf.where()};
    EXPECT_THROW(with_deadline(10ms, [&] { return connect_any(addresses, 1ms); }), timeout_error);
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] { (void)connect_any(addresses, 1us); });
    yield_until([&] { return operations() >= before + 3; });
    g.cancel();
    g.join();
  });
}

TEST_F(connect_test, to_a_host_by_its_name) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.3:0"};
    const std::string port = std::to_string(listener.local_address().port());
    name_server server({{"server.test", {.addresses = {"[::1]:0", "127.0.0.1:0", "127.0.0.3:0"}}},
                        {"deaf.test", {.addresses = {"127.0.0.1:0", "127.0.0.2:0"}}}});
    group g;
    server.start(g);
    const connect_options options{.resolve = server.options(), .stagger = 1h};
    EXPECT_EQ(connect("server.test", port, options).peer_address(), listener.local_address());
    const std::system_error e = error_of([&] { (void)connect("deaf.test", port, options); });
    EXPECT_EQ(e.code().value(), ECONNREFUSED);
    EXPECT_TRUE(contains(e, "cannot connect to deaf.test:" + port + ": tried 127.0.0.")) << e.what();
    EXPECT_EQ(error_of([&] { (void)connect("nowhere.test", port, options); }).code(), resolve_errc::not_found);
    std::error_code error;
    EXPECT_FALSE(connect("deaf.test", port, options, error).is_open());
    EXPECT_EQ(error, std::errc::connection_refused);
    EXPECT_FALSE(connect("nowhere.test", port, options, error).is_open());
    EXPECT_EQ(error, resolve_errc::not_found);
    EXPECT_TRUE(connect("127.0.0.3", port, options, error).is_open());
    EXPECT_FALSE(error);
  });
}

// Questions that get no answer are waited for long enough that the test would not end.
connect_options patient_options(const name_server& server) {
  connect_options o{.resolve = server.options(), .stagger = 1h};
  o.resolve.timeout = 10min;
  return o;
}

// A pair of listeners with one port.
struct both_families {
  tcp_listener six{"[::1]:0"};
  tcp_listener four{address("127.0.0.1:0").with_port(six.local_address().port())};
  std::string port = std::to_string(six.local_address().port());
};

std::map<std::string, name_server::host> host_named(name_server::host h) {
  h.addresses = {address("[::1]:0"), address("127.0.0.1:0")};
  return {{"host.test", h}};
}

TEST_F(connect_test, it_does_not_wait_for_the_other_family) {
  weft::test::run([] {
    const both_families listeners;
    for (const int silent_about : {AF_INET, AF_INET6}) {
      name_server server(host_named({.silent_about = silent_about}));
      group g;
      server.start(g);
      const tcp_stream s = connect("host.test", listeners.port, patient_options(server));
      EXPECT_NE(s.peer_address().family(), silent_about);
    }
  });
}

TEST_F(connect_test, for_the_better_family_it_waits_a_moment) {
  weft::test::run([] {
    const both_families listeners;
    name_server server(host_named({.late = AF_INET6}));
    group g;
    server.start(g);
    connect_options options = patient_options(server);
    options.resolution_delay = 1h;
    EXPECT_EQ(connect("host.test", listeners.port, options).peer_address().family(), AF_INET6);
  });
}

TEST_F(connect_test, addresses_that_come_late_are_tried) {
  weft::test::run([] {
    both_families listeners;
    listeners.four.close();
    name_server server(host_named({.late = AF_INET6}));
    group g;
    server.start(g);
    connect_options options = patient_options(server);
    options.resolution_delay = 0s;
    EXPECT_EQ(connect("host.test", listeners.port, options).peer_address().family(), AF_INET6);
    listeners.six.close();
    const std::system_error e = error_of([&] { (void)connect("host.test", listeners.port, options); });
    EXPECT_EQ(e.code().value(), ECONNREFUSED);
    EXPECT_TRUE(contains(e, "[::1]:" + listeners.port + " (Connection refused)")) << e.what();
    EXPECT_TRUE(contains(e, "127.0.0.1:" + listeners.port + " (Connection refused)")) << e.what();
  });
}

TEST_F(connect_test, what_nothing_can_precede_waits_for_nothing) {
  weft::test::run([] {
    const both_families listeners;
    name_server server(host_named({.silent_about = AF_INET}));
    group g;
    server.start(g);
    connect_options options = patient_options(server);
    options.resolution_delay = 1h;
    EXPECT_EQ(connect("host.test", listeners.port, options).peer_address().family(), AF_INET6);
  });
}

// fec0::/10 is reached from no address of its own scope, or not at all: that of IPv4 is better, whichever is known first.
TEST_F(connect_test, the_better_address_is_tried_first) {
  weft::test::run([] {
    tcp_listener listener{"127.0.0.3:0"};
    const std::string port = std::to_string(listener.local_address().port());
    for (const int late : {AF_INET, AF_INET6}) {
      name_server server({{"host.test", {.addresses = {"[fec0::1]:0", "127.0.0.3:0"}, .late = late}}});
      group g;
      server.start(g);
      connect_options options = patient_options(server);
      options.resolution_delay = 1h;
      const auto spawns = [] { return runtime::current_statistics().total().spawns; };
      const std::uint64_t before = spawns();
      EXPECT_EQ(connect("host.test", port, options).peer_address(), listener.local_address());
      EXPECT_EQ(spawns(), before + 3) << "two questions and one attempt";
    }
  });
}

TEST_F(connect_test, a_host_with_one_family_is_one_that_is_found) {
  weft::test::run([] {
    const both_families listeners;
    name_server server({{"four.test", {.addresses = {address("127.0.0.1:0")}}},
                        {"six.test", {.addresses = {address("[::1]:0")}}},
                        {"none.test", {}},
                        {"failing.test", {.how = name_server::behaviour::fails}}});
    group g;
    server.start(g);
    connect_options options = patient_options(server);
    options.resolution_delay = 1h;
    EXPECT_EQ(connect("four.test", listeners.port, options).peer_address().family(), AF_INET);
    EXPECT_EQ(connect("six.test", listeners.port, options).peer_address().family(), AF_INET6);
    const auto failure = [&](std::string_view host, std::string_view service) {
      return error_of([&] { (void)connect(host, service, options); }).code();
    };
    EXPECT_EQ(failure("none.test", "1"), resolve_errc::no_address);
    EXPECT_EQ(failure("nowhere.test", "1"), resolve_errc::not_found);
    EXPECT_EQ(failure("failing.test", "1"), resolve_errc::refused);
    EXPECT_EQ(failure("four.test", "no service"), resolve_errc::unknown_service);
    EXPECT_EQ(failure("", "1"), resolve_errc::bad_name);
  });
}

TEST_F(connect_test, asking_can_be_cancelled) {
  weft::test::run([] {
    name_server server(host_named({.how = name_server::behaviour::is_silent}));
    group g;
    server.start(g);
    EXPECT_THROW(with_deadline(20ms, [&] { return connect("host.test", "1", patient_options(server)); }),
                 timeout_error);
  });
}

TEST_F(connect_test, ordinary_threads_try_one_after_the_other) {
  tcp_listener listener{"127.0.0.3:0"};
  const std::uint16_t port = listener.local_address().port();
  const std::vector<address> addresses{host(1, port), host(3, port)};
  EXPECT_EQ(connect_any(addresses).peer_address(), listener.local_address());
}

}  // namespace
}  // namespace weft::io::test
