#include "io_support.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "name_server.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using resolve_test = io_test;
using behaviour = name_server::behaviour;

// A server where nobody listens: whoever asks it learns that at once.
resolve_options nobody() { return {.servers = {address("127.0.0.1:1")}}; }

std::vector<std::string> texts(const std::vector<address>& addresses) {
  std::vector<std::string> list;
  for (const address& a : addresses) list.push_back(a.to_string());
  std::sort(list.begin(), list.end());
  return list;
}

using strings = std::vector<std::string>;

bool contains(const std::system_error& e, std::string_view text) {
  return std::string_view(e.what()).find(text) != std::string_view::npos;
}

name_server make_server() {
  return name_server({
      {"both.test", {.addresses = {"192.0.2.1:0", "192.0.2.2:0", "[2001:db8::1]:0"}}},
      {"four.test", {.addresses = {"192.0.2.4:0"}}},
      {"empty.test", {}},
      {"silent.test", {.addresses = {}, .how = behaviour::is_silent}},
      {"refused.test", {.addresses = {}, .how = behaviour::refuses}},
      {"failing.test", {.addresses = {}, .how = behaviour::fails}},
      {"nonsense.test", {.addresses = {}, .how = behaviour::talks_nonsense}},
      {"long.test", {.addresses = {"192.0.2.7:0", "192.0.2.8:0"}, .how = behaviour::truncates}},
  });
}

// f(server) with a server that runs.
template <class F>
void with_server(F f) {
  weft::test::run([&] {
    name_server server = make_server();
    group g;
    server.start(g);
    f(server);
  });
}

TEST_F(resolve_test, literal_addresses_need_no_question) {
  weft::test::run([] {
    EXPECT_EQ(texts(resolve("127.0.0.1", "80", nobody())), strings{"127.0.0.1:80"});
    EXPECT_EQ(texts(resolve("::1", "0", nobody())), strings{"[::1]:0"});
    EXPECT_EQ(texts(resolve("fe80::1%1", "65535", nobody())), strings{"[fe80::1%1]:65535"});
    resolve_options six = nobody();
    six.family = AF_INET6;
    EXPECT_EQ(error_of([&] { (void)resolve("127.0.0.1", "80", six); }).code(), resolve_errc::no_address);
  });
}

TEST_F(resolve_test, localhost_needs_no_network) {
  weft::test::run([] {
    const std::vector<address> found = resolve("localhost", "80", nobody());
    ASSERT_FALSE(found.empty());
    for (const address& a : found)
      EXPECT_TRUE(a == address("127.0.0.1:80") || a == address("[::1]:80")) << a.to_string();
  });
}

TEST_F(resolve_test, services_are_numbers_or_names) {
  weft::test::run([] {
    for (const char* wrong : {"", "no-such-service", "65536", "-1", "80x"}) {
      const std::system_error e = error_of([&] { (void)resolve("127.0.0.1", wrong); });
      EXPECT_EQ(e.code(), resolve_errc::unknown_service);
      EXPECT_TRUE(contains(e, "port of service '" + std::string(wrong) + "'")) << e.what();
      EXPECT_TRUE(contains(e, "/etc/services")) << e.what();
    }
    if (std::filesystem::exists("/etc/services")) {
      EXPECT_EQ(texts(resolve("127.0.0.1", "https")), strings{"127.0.0.1:443"});
      EXPECT_EQ(texts(resolve("127.0.0.1", "ntp")), strings{"127.0.0.1:123"});
    }
  });
}

TEST_F(resolve_test, addresses_of_both_families) {
  with_server([](const name_server& server) {
    EXPECT_EQ(texts(resolve("both.test", "80", server.options())),
              (strings{"192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80"}));
    resolve_options one = server.options();
    one.family = AF_INET6;
    EXPECT_EQ(texts(resolve("both.test", "80", one)), strings{"[2001:db8::1]:80"});
    one.family = AF_INET;
    EXPECT_EQ(texts(resolve("both.test", "80", one)), (strings{"192.0.2.1:80", "192.0.2.2:80"}));
    EXPECT_EQ(texts(resolve("four.test", "80", server.options())), strings{"192.0.2.4:80"});
  });
}

// RFC 6724: ::1 has the highest precedence, an address of this machine is nearer than others, and fec0::/10 is reached from no address of its own scope,
// or not at all.
TEST_F(resolve_test, the_better_addresses_come_first) {
  weft::test::run([] {
    name_server server({{"six.test", {.addresses = {"127.0.0.1:0", "[::1]:0"}}},
                        {"four.test", {.addresses = {"[fec0::1]:0", "127.0.0.1:0"}}},
                        {"near.test", {.addresses = {"192.0.2.1:0", "127.0.0.1:0"}}}});
    group g;
    server.start(g);
    const auto first_of = [&](std::string_view host) { return resolve(host, "80", server.options()).front(); };
    EXPECT_EQ(first_of("six.test"), address("[::1]:80"));
    EXPECT_EQ(first_of("four.test"), address("127.0.0.1:80"));
    EXPECT_EQ(first_of("near.test"), address("127.0.0.1:80"));
  });
}

TEST_F(resolve_test, a_truncated_answer_is_asked_for_again_over_tcp) {
  with_server([](const name_server& server) {
    EXPECT_EQ(texts(resolve("long.test", "53", server.options())), (strings{"192.0.2.7:53", "192.0.2.8:53"}));
    EXPECT_GE(server.questions(), 4) << "both families, over UDP and TCP";
  });
}

TEST_F(resolve_test, errors_name_the_host_the_cause_and_the_remedy) {
  with_server([](const name_server& server) {
    const auto check = [&](const char* host, resolve_errc why, const char* cause, const char* remedy) {
      resolve_options o = server.options();
      o.attempts = 1;
      const std::system_error e = error_of([&] { (void)resolve(host, "80", o); });
      EXPECT_EQ(e.code(), why) << e.what();
      EXPECT_TRUE(contains(e, "cannot find the address of host '" + std::string(host) + "'")) << e.what();
      EXPECT_TRUE(contains(e, cause)) << e.what();
      EXPECT_TRUE(contains(e, remedy)) << e.what();
      std::error_code error;
      EXPECT_TRUE(resolve(host, "80", o, error).empty());
      EXPECT_EQ(error, why);
    };
    check("nowhere.test", resolve_errc::not_found, "no host has that name", "check the spelling");
    check("empty.test", resolve_errc::no_address, "no address", "resolve_options::family");
    check("refused.test", resolve_errc::refused, "every name server refused", "/etc/resolv.conf");
    check("failing.test", resolve_errc::refused, "every name server refused, failed", "try again later");
    check("", resolve_errc::bad_name, "no host can have that name", "check the spelling");
    check(std::string(300, 'x').c_str(), resolve_errc::bad_name, "no host can have that name", "check the spelling");
  });
}

TEST_F(resolve_test, a_server_where_nobody_listens) {
  weft::test::run([] {
    const std::system_error e = error_of([] { (void)resolve("some.test", "80", nobody()); });
    EXPECT_EQ(e.code(), resolve_errc::refused) << e.what();
  });
}

TEST_F(resolve_test, a_server_that_never_answers) {
  with_server([](const name_server& server) {
    resolve_options impatient = server.options();
    impatient.timeout = 5ms;
    impatient.attempts = 2;
    for (const char* host : {"silent.test", "nonsense.test"}) {  // what is no answer is as good as none
      const int before = server.questions();
      const std::system_error e = error_of([&] { (void)resolve(host, "80", impatient); });
      EXPECT_EQ(e.code(), resolve_errc::timed_out) << e.what();
      EXPECT_TRUE(contains(e, "is there a network?")) << e.what();
      yield_until([&] { return server.questions() >= before + 2; });  // the server may see them later than that
    }
  });
}

TEST_F(resolve_test, waiting_for_an_answer_can_be_cancelled) {
  with_server([](const name_server& server) {
    EXPECT_THROW(with_deadline(5ms, [&] { return resolve("silent.test", "80", server.options()); }), timeout_error);
    const int before = server.questions();
    group g;
    g.spawn([&] { (void)resolve("silent.test", "80", server.options()); });
    yield_until([&] { return server.questions() > before; });
    g.cancel();
    g.join();
  });
}

TEST_F(resolve_test, a_cancelled_scope_looks_nothing_up) {
  weft::test::run([] {
    group g;
    g.cancel();
    EXPECT_THROW((void)resolve("127.0.0.1", "80"), cancelled) << "a cancellation point, also without a question";
    g.join();
  });
}

TEST_F(resolve_test, many_lookups_at_once) {
  with_server([](const name_server& server) {
    std::atomic<int> good{0};
    group g;
    const int lookups = weft::test::rounds(100);  // what the server's socket has room for if it gets its turn late
    for (int i = 0; i < lookups; ++i) {
      g.spawn([&, i] {
        const char* const host = i % 2 == 0 ? "both.test" : "four.test";
        good += resolve(host, "80", server.options()).size() == (i % 2 == 0 ? 3U : 1U) ? 1 : 0;
      });
    }
    g.join();
    EXPECT_EQ(good, lookups);
  });
}

TEST_F(resolve_test, ordinary_threads_may_look_up) {
  EXPECT_FALSE(resolve("localhost", "80", nobody()).empty());
  with_server([](const name_server& server) {
    strings found;
    std::atomic<bool> done{false};
    std::thread asking([&] {
      found = texts(resolve("four.test", "80", server.options()));
      done = true;
    });
    yield_until([&] { return done.load(); });
    asking.join();
    EXPECT_EQ(found, strings{"192.0.2.4:80"});
  });
}

}  // namespace
}  // namespace weft::io::test
