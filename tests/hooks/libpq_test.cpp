// libpq, as Debian ships it, against PostgreSQL: none of it knows of weft.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "postgres.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class libpq : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<postgres>(); }
  static void TearDownTestSuite() { server_.reset(); }
  static const postgres& database() { return *server_; }

 private:
  static inline std::unique_ptr<postgres> server_;
};

std::string value(PGconn* c, const char* query) {
  const result r(PQexec(c, query));
  if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) throw std::runtime_error(PQresultErrorMessage(r.get()));
  return PQgetvalue(r.get(), 0, 0);
}

// Servers notice late that a client has gone, so each test that leaves one at work has a query of its own.
void wait_until_at_work(PGconn* watcher, const std::string& query, int sessions) {
  const std::string ask = "select count(*) = " + std::to_string(sessions) +
                          " from pg_stat_activity where state = 'active' and query = '" + query + "'";
  while (value(watcher, ask.c_str()) != "t") yield();
}

void command(PGconn* c, const char* text) {
  const result r(PQexec(c, text));
  ASSERT_EQ(PQresultStatus(r.get()), PGRES_COMMAND_OK) << PQresultErrorMessage(r.get());
}

TEST_F(libpq, a_hundred_queries_sleep_together) {
  const auto slept = test::run([&] {
    std::vector<connection> connections;
    for (int i = 0; i < 100; ++i) connections.push_back(database().connect());
    const auto begin = clock::now();
    group g;
    for (connection& c : connections) g.spawn([&c] { value(c.get(), "select pg_sleep(0.1)"); });
    g.join();
    return clock::now() - begin;
  });
  std::printf("100 x pg_sleep(0.1): %.1f ms\n", std::chrono::duration<double, std::milli>(slept).count());
  EXPECT_GE(slept, 100ms);
  EXPECT_LT(slept, 5s);  // one after the other they would take ten; the gate is measured by the benchmark
}

#ifdef WEFT_SAMPLE
TEST_F(libpq, the_sample_asks_on_two_threads) { run({WEFT_SAMPLE, database().local(), "20"}); }
#endif

TEST_F(libpq, connects_on_many_fibers_by_tcp) {
  test::run([&] {
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&, i] {
        const connection c = database().connect_by_tcp();
        EXPECT_EQ(value(c.get(), ("select " + std::to_string(i)).c_str()), std::to_string(i));
      });
    }
    g.join();
  });
}

TEST_F(libpq, rolls_a_transaction_back) {
  test::run([&] {
    const connection c = database().connect();
    command(c.get(), "create table accounts (id int primary key, amount int)");
    command(c.get(), "insert into accounts values (1, 100)");
    command(c.get(), "begin");
    command(c.get(), "update accounts set amount = 50 where id = 1");
    command(c.get(), "rollback");
    EXPECT_EQ(value(c.get(), "select amount from accounts where id = 1"), "100");
    command(c.get(), "drop table accounts");
  });
}

TEST_F(libpq, copies_in_and_out) {
  constexpr int rows = 50'000;
  test::run([&] {
    const connection c = database().connect();
    command(c.get(), "create temporary table numbers (n int, text text)");
    ASSERT_EQ(PQresultStatus(result(PQexec(c.get(), "copy numbers from stdin")).get()), PGRES_COPY_IN);
    for (int i = 0; i < rows; ++i) {
      const std::string line = std::to_string(i) + "\tthe same text in each of them\n";
      ASSERT_EQ(PQputCopyData(c.get(), line.data(), static_cast<int>(line.size())), 1);
    }
    ASSERT_EQ(PQputCopyEnd(c.get(), nullptr), 1);
    while (const result r{PQgetResult(c.get())}) ASSERT_EQ(PQresultStatus(r.get()), PGRES_COMMAND_OK);
    ASSERT_EQ(PQresultStatus(result(PQexec(c.get(), "copy numbers to stdout")).get()), PGRES_COPY_OUT);
    int seen = 0;
    for (char* line = nullptr; PQgetCopyData(c.get(), &line, 0) > 0; ++seen) PQfreemem(line);
    EXPECT_EQ(seen, rows);
    while (const result r{PQgetResult(c.get())}) EXPECT_EQ(PQresultStatus(r.get()), PGRES_COMMAND_OK);
  });
}

TEST_F(libpq, hears_a_notification) {
  test::run([&] {
    const connection listener = database().connect();
    command(listener.get(), "listen news");
    group g;
    g.spawn([&] {
      const connection c = database().connect();
      command(c.get(), "notify news, 'rain'");
    });
    PGnotify* heard = nullptr;
    while (heard == nullptr) {
      pollfd readable{PQsocket(listener.get()), POLLIN, 0};
      ASSERT_EQ(::poll(&readable, 1, -1), 1);
      ASSERT_EQ(PQconsumeInput(listener.get()), 1);
      heard = PQnotifies(listener.get());
    }
    EXPECT_STREQ(heard->extra, "rain");
    PQfreemem(heard);
  });
}

TEST_F(libpq, cancels_a_query_at_the_server) {
  test::run([&] {
    const connection c = database().connect();
    PGcancel* cancel = PQgetCancel(c.get());
    group g;
    g.spawn([&] {
      const result r(PQexec(c.get(), "select pg_sleep(98)"));
      EXPECT_STREQ(PQresultErrorField(r.get(), PG_DIAG_SQLSTATE), "57014");  // query_canceled
    });
    const connection watcher = database().connect();
    wait_until_at_work(watcher.get(), "select pg_sleep(98)", 1);
    char error[256];
    EXPECT_EQ(PQcancel(cancel, error, sizeof error), 1) << error;
    g.join();
    PQfreeCancel(cancel);
  });
}

TEST_F(libpq, ends_at_a_deadline_and_throws_only_outside_of_it) {
  test::run([&] {
    bool came_back = false;
    try {
      with_deadline(50ms, [&] {
        const connection c = database().connect();
        const result r(PQexec(c.get(), "select pg_sleep(99)"));
        EXPECT_EQ(PQresultStatus(r.get()), PGRES_FATAL_ERROR);
        came_back = true;  // no exception has passed through libpq
        sleep_for(1s);     // here it is
      });
      FAIL();
    } catch (const timeout_error&) {
      EXPECT_TRUE(came_back);
    }
  });
}

TEST_F(libpq, is_left_when_its_group_is_cancelled) {
  test::run([&] {
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        const connection c = database().connect();
        const result r(PQexec(c.get(), "select pg_sleep(100)"));
        EXPECT_EQ(PQresultStatus(r.get()), PGRES_FATAL_ERROR);
      });
    }
    const connection watcher = database().connect();
    wait_until_at_work(watcher.get(), "select pg_sleep(100)", 10);
    g.cancel();
    shield patience(10s);
    g.join();
  });
}

}  // namespace
}  // namespace weft::hooks_test
