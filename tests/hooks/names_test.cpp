// Look-ups of names that take long, and commands that do: on one worker nothing else goes on if they block it. Who is cancelled goes on at once, and
// the call ends by itself.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "hooks_support.hpp"
#include "server.hpp"
#include "slow_names.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

// The slow ones wait while it exists, or until they are let go.
struct held_names {
  held_names() { slow_names_hold(); }
  ~held_names() { slow_names_let_go(); }
  held_names(const held_names&) = delete;
  held_names& operator=(const held_names&) = delete;
};

sockaddr_in address_of(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

std::string text_of(const hostent& found) {
  std::array<char, INET_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET, found.h_addr_list[0], text.data(), text.size());
}

// What gethostbyname_r() and its kin are given; untouched by a call that was left behind.
struct host_place {
  alignas(std::max_align_t) std::array<char, 512> buffer{};
  hostent entry{};
  hostent* found = nullptr;
  int why = 0;

  host_place() { buffer.fill('u'); }
  void expect_untouched() const {
    EXPECT_EQ(found, nullptr);
    EXPECT_EQ(why, NETDB_INTERNAL);
    EXPECT_EQ(entry.h_name, nullptr);
    for (const char c : buffer) EXPECT_EQ(c, 'u');
  }
  void expect_answer() const {
    ASSERT_EQ(found, &entry);
    EXPECT_EQ(entry.h_addrtype, AF_INET);
    EXPECT_STREQ(entry.h_name, answer);
    EXPECT_EQ(text_of(entry), answer);
    for (const char* part :
         {static_cast<const char*>(entry.h_name), reinterpret_cast<const char*>(entry.h_aliases),
          reinterpret_cast<const char*>(entry.h_addr_list), static_cast<const char*>(entry.h_addr_list[0])}) {
      EXPECT_TRUE(part >= buffer.data() && part < buffer.data() + buffer.size());
    }
  }
};

struct look_up {
  const char* name;
  std::function<void(int error)> expect_error;  // asks, and is cut short
  std::function<void()> expect_answer;
};

const std::vector<look_up>& all_look_ups() {
  static const in_addr slow = address_of(slow_address).sin_addr;
  static const std::vector<look_up> all{
      {"getaddrinfo",
       [](int error) {
         addrinfo* found = nullptr;
         EXPECT_EQ(::getaddrinfo(slow_name, "80", nullptr, &found), EAI_SYSTEM);
         EXPECT_EQ(test::read_errno(), error);
         EXPECT_EQ(found, nullptr);
       },
       [] {
         addrinfo* found = nullptr;
         ASSERT_EQ(::getaddrinfo(slow_name, "80", nullptr, &found), 0);
         std::array<char, INET_ADDRSTRLEN> text{};
         EXPECT_EQ(
             ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST), 0);
         EXPECT_STREQ(text.data(), answer);
         ::freeaddrinfo(found);
       }},
      {"getnameinfo",
       [](int error) {
         const sockaddr_in address = address_of(slow_address);
         std::array<char, 64> host{"untouched"};
         EXPECT_EQ(::getnameinfo(reinterpret_cast<const sockaddr*>(&address), sizeof address, host.data(), host.size(),
                                 nullptr, 0, 0),
                   EAI_SYSTEM);
         EXPECT_EQ(test::read_errno(), error);
         EXPECT_STREQ(host.data(), "untouched");
       },
       [] {
         sockaddr_in address = address_of(slow_address);
         address.sin_port = htons(4711);
         std::array<char, 64> host{}, service{};
         EXPECT_EQ(::getnameinfo(reinterpret_cast<const sockaddr*>(&address), sizeof address, host.data(), host.size(),
                                 service.data(), service.size(), NI_NUMERICSERV),
                   0);
         EXPECT_STREQ(host.data(), slow_address);
         EXPECT_STREQ(service.data(), "4711");
       }},
      {"gethostbyname_r",
       [](int error) {
         host_place p;
         EXPECT_EQ(::gethostbyname_r(slow_name, &p.entry, p.buffer.data(), p.buffer.size(), &p.found, &p.why), error);
         p.expect_untouched();
       },
       [] {
         host_place p;
         EXPECT_EQ(::gethostbyname_r(slow_name, &p.entry, p.buffer.data(), 8, &p.found, &p.why), ERANGE);
         EXPECT_EQ(::gethostbyname_r(slow_name, &p.entry, p.buffer.data(), p.buffer.size(), &p.found, &p.why), 0);
         p.expect_answer();
       }},
      {"gethostbyname2_r",
       [](int error) {
         host_place p;
         EXPECT_EQ(::gethostbyname2_r(slow_name, AF_INET, &p.entry, p.buffer.data(), p.buffer.size(), &p.found, &p.why),
                   error);
         p.expect_untouched();
       },
       [] {
         host_place p;  // elsewhere between two boundaries than memory from the heap
         EXPECT_EQ(::gethostbyname2_r(slow_name, AF_INET, &p.entry, p.buffer.data() + 8, p.buffer.size() - 8, &p.found,
                                      &p.why),
                   0);
         p.expect_answer();
       }},
      {"gethostbyaddr_r",
       [](int error) {
         host_place p;
         EXPECT_EQ(::gethostbyaddr_r(&slow, sizeof slow, AF_INET, &p.entry, p.buffer.data(), p.buffer.size(), &p.found,
                                     &p.why),
                   error);
         p.expect_untouched();
       },
       [] {
         host_place p;
         EXPECT_EQ(::gethostbyaddr_r(&slow, sizeof slow, AF_INET, &p.entry, p.buffer.data(), p.buffer.size(), &p.found,
                                     &p.why),
                   0);
         p.expect_answer();
       }},
      {"gethostbyname",
       [](int error) {
         EXPECT_EQ(::gethostbyname(slow_name), nullptr);
         EXPECT_EQ(test::read_errno(), error);
       },
       [] {
         const hostent* found = ::gethostbyname(slow_name);
         ASSERT_NE(found, nullptr);
         EXPECT_EQ(text_of(*found), answer);
         found = ::gethostbyname2(slow_name, AF_INET);
         ASSERT_NE(found, nullptr);
         EXPECT_STREQ(found->h_name, answer);
       }},
  };
  return all;
}

void join_cancelled(group& g) {
  try {
    g.join();
  } catch (const cancelled&) {
  }
}

// Has f() begin on a fiber, waits until it is in its call, and cancels it.
template <class F, class Begun>
void cancel_in(F f, Begun is_in_call) {
  group g;
  g.spawn(f);
  test::give_way_until(is_in_call);
  g.cancel();
  join_cancelled(g);
}

TEST(slow_names, others_run_until_the_answer_comes) {
  for (const look_up& one : all_look_ups()) {
    SCOPED_TRACE(one.name);
    const held_names hold;
    weft::run(test::options_without_spares(), [&] {
      group g;
      g.spawn(one.expect_answer);
      test::give_way_until([] { return slow_names_waiting() == 1; });
      slow_names_let_go();
      g.join();
    });
  }
}

TEST(slow_names, a_cancelled_fiber_goes_on_at_once) {
  for (const look_up& one : all_look_ups()) {
    SCOPED_TRACE(one.name);
    const held_names hold;
    weft::run(test::options_without_spares(), [&] {
      cancel_in([&] { one.expect_error(ECANCELED); }, [] { return slow_names_waiting() == 1; });
      EXPECT_EQ(slow_names_waiting(), 1);
      slow_names_let_go();  // the runtime's end waits for it
    });
    EXPECT_EQ(slow_names_waiting(), 0);
  }
}

TEST(slow_names, a_deadline_cuts_them_short) {
  for (const look_up& one : all_look_ups()) {
    SCOPED_TRACE(one.name);
    const held_names hold;
    weft::run(test::options_without_spares(), [&] {
      EXPECT_THROW(with_deadline(5ms,
                                 [&] {
                                   one.expect_error(ETIMEDOUT);
                                   check_cancelled();
                                 }),
                   timeout_error);
      slow_names_let_go();
    });
  }
}

// However many are given up, no more threads are in the C library than may be; those that had not begun never do.
TEST(slow_names, what_is_left_behind_is_bounded) {
  const held_names hold;
  options o = test::options_without_spares();
  o.blocking_threads = 2;
  weft::run(o, [&] {
    group g;
    for (int i = 0; i < 50; ++i) g.spawn([] { all_look_ups()[0].expect_error(ECANCELED); });
    test::give_way_until([] { return slow_names_waiting() == 2; });
    for (int i = 0; i < 100; ++i) yield();
    EXPECT_EQ(slow_names_waiting(), 2);
    g.cancel();
    join_cancelled(g);
    slow_names_let_go();
  });
  EXPECT_EQ(slow_names_begun(), 2);
}

// Both ends race; whoever is second finds all in order.
TEST(slow_names, an_answer_that_comes_with_the_cancellation) {
  test::random_source random;
  for (int i = 0; i < test::rounds(200); ++i) {
    const held_names hold;
    const std::uint32_t pause = random.below(20'000);
    weft::run(test::options_without_spares(), [&] {
      group g;
      g.spawn([] {
        addrinfo* found = nullptr;
        const int code = ::getaddrinfo(slow_name, "80", nullptr, &found);
        EXPECT_EQ(code == 0, found != nullptr);
        EXPECT_TRUE(code == 0 || code == EAI_SYSTEM);
        if (found != nullptr) ::freeaddrinfo(found);
      });
      test::give_way_until([] { return slow_names_waiting() == 1; });
      slow_names_let_go();
      test::spin(pause);
      g.cancel();
      join_cancelled(g);
    });
  }
}

// ---- commands

// A shell that says it is there, and waits for a word.
class waiting_command {
 public:
  waiting_command() { EXPECT_EQ(::mkfifo(path("words").c_str(), 0600), 0); }
  [[nodiscard]] std::string text() const {
    return "echo >" + path("begun") + "; read word <" + path("words") + "; echo $word >" + path("told");
  }
  [[nodiscard]] bool has_begun() const { return ::access(path("begun").c_str(), F_OK) == 0; }
  void tell(const char* word) const { std::ofstream(path("words")) << word << '\n'; }
  [[nodiscard]] std::string told() const {
    std::string word;
    std::ifstream(path("told")) >> word;
    return word;
  }

 private:
  [[nodiscard]] std::string path(const char* name) const { return (directory_.path() / name).string(); }
  const scratch directory_;
};

TEST(slow_commands, a_cancelled_system_leaves_its_command_to_itself) {
  const waiting_command command;
  weft::run(test::options_without_spares(), [&] {
    cancel_in(
        [&] {
          EXPECT_EQ(::system(command.text().c_str()), -1);
          EXPECT_EQ(test::read_errno(), ECANCELED);
        },
        [&] { return command.has_begun(); });
    command.tell("later");
  });
  EXPECT_EQ(command.told(), "later");
}

TEST(slow_commands, a_cancelled_pclose_leaves_its_command_to_itself) {
  const waiting_command command;
  weft::run(test::options_without_spares(), [&] {
    FILE* const stream = ::popen(command.text().c_str(), "w");
    ASSERT_NE(stream, nullptr);
    std::atomic<bool> begun{false};
    cancel_in(
        [&] {
          begun = true;
          EXPECT_EQ(::pclose(stream), -1);
          EXPECT_EQ(test::read_errno(), ECANCELED);
        },
        [&] { return begun && command.has_begun() && dump().find("may be left behind") != std::string::npos; });
    command.tell("then");
  });
  EXPECT_EQ(command.told(), "then");
}

}  // namespace
}  // namespace weft::hooks_test
