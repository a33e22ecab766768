// Libraries without a server: OpenSSL on both ends of a connection, SQLite, and some that only compute.
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <png.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

// ---- OpenSSL

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using ssl_context = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using ssl = std::unique_ptr<SSL, freed_by<SSL_free>>;

ssl_context server_context() {
  ssl_context context(SSL_CTX_new(TLS_server_method()));
  const std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, freed_by<X509_free>> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  return context;
}

// Both ends of each connection are fibers of the same few workers: neither may block one.
TEST(openssl, both_ends_of_a_connection_are_fibers) {
  const ssl_context server = server_context();
  const ssl_context client(SSL_CTX_new(TLS_client_method()));
  const std::string text(500'000, 't');
  ::signal(SIGPIPE, SIG_IGN);  // whoever says goodbye last may find that the other has gone
  weft::run(test::options_without_spares(), [&] {
    group g;
    for (int i = 0; i < 10; ++i) {
      int ends[2];
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      g.spawn([&, fd = ends[0]] {
        const ssl s(SSL_new(server.get()));
        SSL_set_fd(s.get(), fd);
        ASSERT_EQ(SSL_accept(s.get()), 1);
        std::string got(text.size(), ' ');
        std::size_t size = 0;
        while (size < got.size()) {
          const int n = SSL_read(s.get(), got.data() + size, static_cast<int>(got.size() - size));
          ASSERT_GT(n, 0);
          size += static_cast<std::size_t>(n);
        }
        EXPECT_EQ(got, text);
        EXPECT_EQ(SSL_write(s.get(), "thanks", 6), 6);
        SSL_shutdown(s.get());
        ::close(fd);
      });
      g.spawn([&, fd = ends[1]] {
        const ssl s(SSL_new(client.get()));
        SSL_set_fd(s.get(), fd);
        ASSERT_EQ(SSL_connect(s.get()), 1);
        EXPECT_EQ(SSL_write(s.get(), text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
        char answer[6];
        EXPECT_EQ(SSL_read(s.get(), answer, 6), 6);
        SSL_shutdown(s.get());
        ::close(fd);
      });
    }
    g.join();
  });
}

// ---- SQLite

using database = std::unique_ptr<sqlite3, freed_by<sqlite3_close>>;

database open(const std::string& file) {
  sqlite3* raw = nullptr;
  if (sqlite3_open(file.c_str(), &raw) != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  sqlite3_busy_timeout(raw, 60'000);
  return database(raw);
}

void execute(const database& db, const char* text) {
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db.get(), text, nullptr, nullptr, &error), SQLITE_OK) << text << ": " << error;
  sqlite3_free(error);
}

int number(const database& db, const char* query) {
  int n = -1;
  sqlite3_exec(
      db.get(), query,
      [](void* to, int, char** columns, char**) {
        *static_cast<int*>(to) = std::stoi(columns[0]);
        return 0;
      },
      &n, nullptr);
  return n;
}

// A connection between two fibers of a test.
struct pair_of_sockets {
  int fd[2] = {-1, -1};
  pair_of_sockets() {
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0) throw std::runtime_error("no pair of sockets");
  }
  ~pair_of_sockets() {
    ::close(fd[0]);
    ::close(fd[1]);
  }
  pair_of_sockets(const pair_of_sockets&) = delete;
  pair_of_sockets& operator=(const pair_of_sockets&) = delete;
};

// One fiber has an error while it reads, others have theirs while they sleep.
void fibers_have_errors() {
  const pair_of_sockets sockets;
  group g;
  g.spawn([&sockets] {
    ERR_raise_data(ERR_LIB_USER, 7, "of %s", "the reader");
    char c = 0;
    EXPECT_EQ(::read(sockets.fd[0], &c, 1), 1);
    const char* data = nullptr;
    int flags = 0;
    const unsigned long error = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags);
    EXPECT_EQ(ERR_GET_LIB(error), ERR_LIB_USER);
    EXPECT_EQ(ERR_GET_REASON(error), 7);
    EXPECT_STREQ(data, "of the reader");
    EXPECT_EQ(ERR_peek_error(), 0U) << "another fiber's";
  });
  for (int i = 0; i < 4; ++i) {
    g.spawn([] {
      ::usleep(1);
      EXPECT_EQ(ERR_peek_error(), 0U);
      ERR_raise(ERR_LIB_SYS, ENOENT);
      ::usleep(1);
      EXPECT_EQ(ERR_GET_LIB(ERR_peek_error()), ERR_LIB_SYS);
      EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), ENOENT);
      ERR_clear_error();  // what a fiber leaves when it ends belongs to nobody
    });
  }
  g.spawn([&sockets] {
    ::usleep(20'000);
    EXPECT_EQ(::write(sockets.fd[1], "x", 1), 1);
  });
  g.join();
}

// OpenSSL keeps errors for each thread: what a fiber finds there when it has waited must be its own, for SSL_get_error() goes by it.
TEST(openssl, the_queue_of_errors_goes_with_the_fiber) {
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  weft::run({.workers = 1}, [] {
    ERR_clear_error();  // makes the thread's queue; what is raised while that waits for a lock is not kept
    fibers_have_errors();
  });
}

// Also while a function of pthread_once() waits, which OpenSSL calls a lot of as it sets itself up.
TEST(openssl, the_queue_of_errors_goes_with_the_fiber_while_another_does_something_once) {
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  static pair_of_sockets sockets;
  weft::run({.workers = 1}, [] {
    ERR_clear_error();
    ::usleep(1);
    event begun;
    static event* told = nullptr;
    told = &begun;
    group g;
    g.spawn([] {
      pthread_once_t control = PTHREAD_ONCE_INIT;
      ::pthread_once(&control, [] {
        told->set();
        char c = 0;
        EXPECT_EQ(::read(sockets.fd[0], &c, 1), 1);
      });
    });
    begun.wait();
    fibers_have_errors();
    EXPECT_EQ(::write(sockets.fd[1], "x", 1), 1);
    g.join();
  });
}

TEST(sqlite, a_hundred_fibers_write_one_database) {
  const scratch directory;
  const std::string file = (directory.path() / "database").string();
  test::run([&] {
    {
      const database db = open(file);
      execute(db, "pragma journal_mode = wal");
      execute(db, "create table entries (n int)");
    }
    group g;
    for (int i = 0; i < 100; ++i) {
      g.spawn([&] {
        const database db = open(file);
        execute(db, "pragma synchronous = normal");
        for (int n = 0; n < 3; ++n) {
          execute(db, "begin immediate");
          execute(db, "insert into entries select count(*) from entries");
          execute(db, "commit");
        }
      });
    }
    g.join();
    const database db = open(file);
    EXPECT_EQ(number(db, "select count(*) from entries"), 300);
    EXPECT_EQ(number(db, "select count(distinct n) from entries"), 300);
    EXPECT_EQ(number(db, "select max(n) from entries"), 299);
  });
}

// ---- only computing

TEST(zlib, compresses_on_fibers) {
  test::run([] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([i] {
        const std::string text(100'000, static_cast<char>('a' + i));
        std::vector<Bytef> packed(compressBound(text.size()));
        uLongf packed_size = packed.size();
        ASSERT_EQ(compress(packed.data(), &packed_size, reinterpret_cast<const Bytef*>(text.data()), text.size()),
                  Z_OK);
        std::string back(text.size(), ' ');
        uLongf size = back.size();
        ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(back.data()), &size, packed.data(), packed_size), Z_OK);
        EXPECT_EQ(back, text);
      });
    }
    g.join();
  });
}

TEST(libpng, writes_and_reads_files_on_fibers) {
  const scratch directory;
  test::run([&] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&, i] {
        const std::string file = (directory.path() / std::to_string(i)).string();
        std::vector<png_byte> pixels(std::size_t{64} * 64, static_cast<png_byte>(i));
        png_image image{};
        image.version = PNG_IMAGE_VERSION;
        image.width = image.height = 64;
        image.format = PNG_FORMAT_GRAY;
        ASSERT_NE(png_image_write_to_file(&image, file.c_str(), 0, pixels.data(), 0, nullptr), 0);
        png_image again{};
        again.version = PNG_IMAGE_VERSION;
        ASSERT_NE(png_image_begin_read_from_file(&again, file.c_str()), 0);
        std::vector<png_byte> back(PNG_IMAGE_SIZE(again));
        ASSERT_NE(png_image_finish_read(&again, nullptr, back.data(), 0, nullptr), 0);
        EXPECT_EQ(back, pixels);
      });
    }
    g.join();
  });
}

}  // namespace
}  // namespace weft::hooks_test
