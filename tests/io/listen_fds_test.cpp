// Sockets that another program has opened: each case in a child process, which arranges its descriptors as a service manager would.
#include "io_support.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace weft::io::test {
namespace {

class listen_fds_test : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

void set(const char* variable, const std::string& value) { ::setenv(variable, value.c_str(), 1); }

// The descriptors come to stand from 3 on, as those of a program that was just started.
void pass(std::vector<int> descriptors) {
  for (int& fd : descriptors) fd = ::fcntl(fd, F_DUPFD, 100);
  for (std::size_t i = 0; i < descriptors.size(); ++i) ::dup2(descriptors[i], 3 + static_cast<int>(i));
  ::close_range(3 + static_cast<unsigned>(descriptors.size()), ~0U, 0);
  set("LISTEN_FDS", std::to_string(descriptors.size()));
  set("LISTEN_PID", std::to_string(::getpid()));
}

int make_file() { return ::open("/dev/null", O_RDWR); }

// Prints what is found, or what is wrong; exits with 0 or 1.
[[noreturn]] void tell() {
  int code = 0;
  try {
    for (const passed_socket& s : listeners_from_environment()) {
      const bool closes = (::fcntl(s.descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0;
      std::fprintf(stderr, "%d %s kind %d%s;", s.descriptor.get(), s.name.c_str(), static_cast<int>(s.kind),
                   closes ? "" : " INHERITED");
    }
    std::fprintf(stderr, "end, then %zu", listeners_from_environment().size());
  } catch (const std::system_error& e) {
    std::fprintf(stderr, "%d: %s", e.code().value(), e.what());
    code = 1;
  }
  for (const char* variable : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
    if (std::getenv(variable) != nullptr) std::fprintf(stderr, " LEFT %s", variable);
  }
  ::_exit(code);
}

TEST_F(listen_fds_test, finds_what_was_passed_and_forgets_the_environment) {
  EXPECT_EXIT(
      {
        const tcp_listener tcp{"127.0.0.1:0"};
        const unix_listener local{"@weft-passed-" + std::to_string(::getpid())};
        const udp_socket udp{"127.0.0.1:0"};
        const unix_datagram datagrams{""};
        const auto pair = make_socket_pair();
        pass({tcp.native_handle(), local.native_handle(), udp.native_handle(), datagrams.native_handle(),
              pair.first.native_handle()});
        set("LISTEN_FDNAMES", "http:control:dns:log:peer");
        tell();
      },
      testing::ExitedWithCode(0),
      "^3 http kind 0;4 control kind 1;5 dns kind 2;6 log kind 3;7 peer kind 4;end, then 0$");
}

TEST_F(listen_fds_test, a_passed_listener_serves) {
  EXPECT_EXIT(
      {
        const tcp_listener tcp{"127.0.0.1:0"};
        const address where = tcp.local_address();
        pass({tcp.native_handle()});
        auto passed = listeners_from_environment();
        weft::test::run([&] {
          tcp_listener listener = tcp_listener::adopt(passed.at(0).descriptor.release());
          const tcp_stream client = tcp_stream::connect(where);
          std::fprintf(stderr, "%s", listener.accept().peer_address() == client.local_address() ? "served" : "other");
        });
        ::_exit(0);
      },
      testing::ExitedWithCode(0), "served");
}

TEST_F(listen_fds_test, nothing_was_passed) {
  EXPECT_EXIT(tell(), testing::ExitedWithCode(0), "^end, then 0$");
  EXPECT_EXIT(
      {
        pass({});
        tell();
      },
      testing::ExitedWithCode(0), "^end, then 0$");
}

TEST_F(listen_fds_test, without_names_they_are_unknown) {
  EXPECT_EXIT(
      {
        const udp_socket udp{"127.0.0.1:0"};
        pass({udp.native_handle()});
        tell();
      },
      testing::ExitedWithCode(0), "^3 unknown kind 2;end, then 0$");
}

TEST_F(listen_fds_test, another_process_is_meant) {
  EXPECT_EXIT(
      {
        pass({make_file()});
        set("LISTEN_PID", "1");
        tell();
      },
      testing::ExitedWithCode(1), "^22: .*for process 1, and this is [0-9]+ .a wrapper in between must exec");
  EXPECT_EXIT(
      {
        pass({make_file()});
        ::unsetenv("LISTEN_PID");
        tell();
      },
      testing::ExitedWithCode(1), "^22: .*LISTEN_PID, which says for which process, is not[^L]*$");
}

TEST_F(listen_fds_test, junk_where_a_number_is_due) {
  for (const char* junk : {"", "x", "1x", "-1", "99999999999999999999", " 1"}) {
    EXPECT_EXIT(
        {
          pass({make_file()});
          set("LISTEN_FDS", junk);
          tell();
        },
        testing::ExitedWithCode(1), "^22: .*LISTEN_FDS is \".*\", which is no number from 0 to [0-9]+[^L]*$");
  }
  EXPECT_EXIT(
      {
        pass({make_file()});
        set("LISTEN_PID", "me");
        tell();
      },
      testing::ExitedWithCode(1), "^22: .*LISTEN_PID is \"me\"");
}

TEST_F(listen_fds_test, descriptors_that_are_not_open_or_no_sockets) {
  EXPECT_EXIT(
      {
        pass({});
        set("LISTEN_FDS", "2");
        tell();
      },
      testing::ExitedWithCode(1), "^9: .*descriptor 3 is not open");
  EXPECT_EXIT(
      {
        pass({make_file()});
        set("LISTEN_FDNAMES", "log");
        tell();
      },
      testing::ExitedWithCode(1), "^88: .*descriptor 3 ..log.. is no socket");
}

TEST_F(listen_fds_test, names_that_do_not_fit) {
  EXPECT_EXIT(
      {
        const udp_socket udp{"127.0.0.1:0"};
        pass({udp.native_handle()});
        set("LISTEN_FDNAMES", "a:b");
        tell();
      },
      testing::ExitedWithCode(1), "^22: .*LISTEN_FDNAMES has 2 names ..a:b.. for 1 descriptors");
}

}  // namespace
}  // namespace weft::io::test
