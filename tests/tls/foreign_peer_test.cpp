// OpenSSL's own program on the other side.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/io/tls/tls.hpp>

#include "credentials.hpp"

extern char** environ;

namespace weft::io::test {
namespace {

class foreign_peer_test : public io_test {};

// `openssl ARGUMENTS` with its input and output in our hands.
class openssl_program {
 public:
  explicit openssl_program(std::vector<std::string> arguments) {
    auto [input_reader, input_writer] = make_pipe();
    auto [output_reader, output_writer] = make_pipe();
    arguments.insert(arguments.begin(), "openssl");
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input_reader.native_handle(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, output_writer.native_handle(), 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    const int result = ::posix_spawnp(&pid_, "openssl", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (result != 0) throw std::system_error(result, std::generic_category(), "openssl");
    input = std::move(input_writer);
    output = std::move(output_reader);
  }
  ~openssl_program() {
    input.close();
    ::kill(pid_, SIGTERM);
    blocking([this] { ::waitpid(pid_, nullptr, 0); });
  }
  openssl_program(const openssl_program&) = delete;
  openssl_program& operator=(const openssl_program&) = delete;

  // Reads until the text has come.
  bool says(std::string_view text) {
    std::array<std::byte, 1024> part;
    while (said_.find(text) == std::string::npos) {
      const std::size_t n = output.read_some(part);
      if (n == 0) return false;
      said_ += text_of(std::span(part).first(n));
    }
    return true;
  }

  pipe_writer input;
  pipe_reader output;

 private:
  pid_t pid_ = -1;
  std::string said_;
};

TEST_F(foreign_peer_test, openssl_as_the_client) {
  weft::test::run([] {
    const temporary_folder folder;
    const authority ca(folder);
    const credentials own = ca.issue("DNS:server.test");
    const tls_context context = tls_context::server(own.chain, own.key, {.protocols = {"weft-test"}});
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      tcp_listener listener{"127.0.0.1:0"};
      openssl_program program({"s_client", "-connect", listener.local_address().to_string(), "-servername",
                               "server.test", "-CAfile", ca.certificate().string(), "-verify_return_error", "-alpn",
                               "weft-test", "-quiet", version});
      tls_stream s = tls_stream::accept(context, listener.accept());
      EXPECT_EQ(s.server_name(), "server.test");
      EXPECT_EQ(s.protocol(), "weft-test");
      s.write_all("hello from weft\n");
      EXPECT_TRUE(program.says("hello from weft\n"));
      program.input.write_all("hello from openssl\n");
      std::array<std::byte, 64> bytes{};
      EXPECT_EQ(text_of(std::span(bytes).first(s.read_some(bytes))), "hello from openssl\n");
    }
  });
}

TEST_F(foreign_peer_test, openssl_as_the_server) {
  weft::test::run([] {
    const temporary_folder folder;
    const authority ca(folder);
    const credentials own = ca.issue("DNS:server.test");
    const tls_context context = tls_context::client({.authorities = ca.certificate()});
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      // s_server takes a port only; one that was free a moment ago.
      const std::uint16_t port = tcp_listener("127.0.0.1:0").local_address().port();
      openssl_program program({"s_server", "-accept", "127.0.0.1:" + std::to_string(port), "-cert", own.chain.string(),
                               "-key", own.key.string(), "-rev", version});
      ASSERT_TRUE(program.says("ACCEPT"));
      for (int round = 0; round < 3; ++round) {
        tls_stream s =
            tls_stream::connect(context, tcp_stream::connect(address("127.0.0.1:0").with_port(port)), "server.test");
        EXPECT_EQ(s.resumed(), round != 0) << version;
        s.write_all("weft\n");
        std::string back;
        std::array<std::byte, 64> bytes{};
        while (back.find('\n') == std::string::npos) back += text_of(std::span(bytes).first(s.read_some(bytes)));
        EXPECT_EQ(back, "tfew\n");
        s.shutdown_write();
      }
    }
  });
}

TEST_F(foreign_peer_test, a_server_whose_certificate_is_not_valid_now) {
  weft::test::run([] {
    const temporary_folder folder;
    const authority ca(folder);
    const tls_context context = tls_context::client({.authorities = ca.certificate()});
    for (const credentials& c : {ca.issue("DNS:server.test", -10, -1), ca.issue("DNS:server.test", 1, 10)}) {
      const std::uint16_t port = tcp_listener("127.0.0.1:0").local_address().port();
      openssl_program program({"s_server", "-accept", "127.0.0.1:" + std::to_string(port), "-cert", c.chain.string(),
                               "-key", c.key.string()});
      ASSERT_TRUE(program.says("ACCEPT"));
      const std::system_error e = error_of([&] {
        (void)tls_stream::connect(context, tcp_stream::connect(address("127.0.0.1:0").with_port(port)), "server.test");
      });
      EXPECT_EQ(e.code(), tls_errc::expired_certificate) << e.what();
    }
  });
}

}  // namespace
}  // namespace weft::io::test
