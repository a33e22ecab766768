// MariaDB Connector/C against MariaDB.
#include <gtest/gtest.h>
#include <mysql.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include <weft/weft.hpp>

#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

struct close_session {
  void operator()(MYSQL* m) const { mysql_close(m); }
};
using session = std::unique_ptr<MYSQL, close_session>;
struct free_rows {
  void operator()(MYSQL_RES* r) const { mysql_free_result(r); }
};

// Without its own tables, which it can do without where nobody has to show who he is.
class mariadb_server {
 public:
  mariadb_server() : port_(free_port()) {
    give_to_user(directory_.path(), "mysql");
    const std::string where = directory_.path().string();
    server_ = std::make_unique<server>(
        as_user("mysql", {"mariadbd", "--no-defaults", "--datadir=" + where, "--socket=" + where + "/socket",
                          "--pid-file=" + where + "/pid", "--port=" + std::to_string(port_), "--bind-address=127.0.0.1",
                          "--skip-grant-tables", "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M",
                          "--innodb-fast-shutdown=2", "--innodb-flush-log-at-trx-commit=0", "--max-connections=300"}),
        directory_.path() / "log", [this] { return accepts_connections(port_); });
  }

  [[nodiscard]] session connect() const {
    session m(mysql_init(nullptr));
    if (mysql_real_connect(m.get(), "127.0.0.1", "root", nullptr, nullptr, static_cast<unsigned>(port_), nullptr, 0) ==
        nullptr) {
      throw std::runtime_error(mysql_error(m.get()));
    }
    return m;
  }

 private:
  scratch directory_;
  int port_;
  std::unique_ptr<server> server_;
};

class mariadb : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(mysql_library_init(0, nullptr, nullptr), 0);
    server_ = std::make_unique<mariadb_server>();
  }
  static void TearDownTestSuite() {
    server_.reset();
    mysql_library_end();
  }
  static const mariadb_server& database() { return *server_; }

 private:
  static inline std::unique_ptr<mariadb_server> server_;
};

std::string value(const session& m, const std::string& query) {
  if (mysql_query(m.get(), query.c_str()) != 0) throw std::runtime_error(mysql_error(m.get()));
  const std::unique_ptr<MYSQL_RES, free_rows> rows(mysql_store_result(m.get()));
  return mysql_fetch_row(rows.get())[0];
}

void command(const session& m, const char* text) { ASSERT_EQ(mysql_query(m.get(), text), 0) << mysql_error(m.get()); }

TEST_F(mariadb, queries_sleep_together) {
  const auto begin = std::chrono::steady_clock::now();
  test::run([&] {
    group g;
    for (int i = 0; i < 50; ++i) {
      g.spawn([&] {
        const session m = database().connect();
        EXPECT_EQ(value(m, "select sleep(0.1)"), "0");
      });
    }
    g.join();
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);  // five, were they one after the other
}

TEST_F(mariadb, transactions_and_many_rows) {
  test::run([&] {
    const session m = database().connect();
    command(m, "create database tests");
    command(m, "use tests");
    command(m, "create table numbers (n int) engine=InnoDB");
    command(m, "insert into numbers select seq from seq_1_to_20000");
    command(m, "start transaction");
    command(m, "delete from numbers");
    command(m, "rollback");
    ASSERT_EQ(mysql_query(m.get(), "select n from numbers"), 0);
    const std::unique_ptr<MYSQL_RES, free_rows> rows(mysql_use_result(m.get()));  // row by row from the socket
    int seen = 0;
    while (mysql_fetch_row(rows.get()) != nullptr) ++seen;
    EXPECT_EQ(seen, 20'000);
  });
}

TEST_F(mariadb, ends_at_a_deadline) {
  test::run([&] {
    bool came_back = false;
    EXPECT_THROW(with_deadline(100ms,
                               [&] {
                                 const session m = database().connect();
                                 EXPECT_NE(mysql_query(m.get(), "select sleep(100)"), 0);
                                 came_back = true;
                                 yield();
                               }),
                 timeout_error);
    EXPECT_TRUE(came_back);
  });
}

TEST_F(mariadb, its_own_time_limit_holds) {
  test::run([&] {
    const session m(mysql_init(nullptr));
    const unsigned seconds = 1;
    mysql_options(m.get(), MYSQL_OPT_READ_TIMEOUT, &seconds);
    const session other = database().connect();  // the port
    ASSERT_NE(mysql_real_connect(m.get(), "127.0.0.1", "root", nullptr, nullptr, other->port, nullptr, 0), nullptr);
    EXPECT_NE(mysql_query(m.get(), "select sleep(100)"), 0);
  });
}

}  // namespace
}  // namespace weft::hooks_test
