// Asks a PostgreSQL server many questions at once with libpq's blocking calls, on two OS threads.
//
//   postgres_fan_out CONNECTION [COUNT]   CONNECTION as in "host=/run/postgresql dbname=postgres"; each of COUNT (100) queries sleeps 0.1 s
#include <libpq-fe.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <weft/scheduler/scheduler.hpp>

namespace {

using namespace std::chrono_literals;

struct close_connection {
  void operator()(PGconn* c) const { PQfinish(c); }
};
struct clear_result {
  void operator()(PGresult* r) const { PQclear(r); }
};

// Nothing in here knows of fibers.
void ask(const char* where) {
  const std::unique_ptr<PGconn, close_connection> c(PQconnectdb(where));
  if (PQstatus(c.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(c.get()));
  const std::unique_ptr<PGresult, clear_result> r(PQexec(c.get(), "select pg_sleep(0.1)"));
  if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) throw std::runtime_error(PQresultErrorMessage(r.get()));
}

}  // namespace

int main(int argc, char** argv) {
  int count = 100;
  const std::string_view number = argc > 2 ? argv[2] : "100";
  const bool is_number = std::from_chars(number.data(), number.data() + number.size(), count).ec == std::errc{};
  if (argc < 2 || !is_number || count < 1) {
    std::fputs("usage: postgres_fan_out CONNECTION [COUNT]\n", stderr);
    return 2;
  }
  try {
    weft::run({.workers = 2}, [&] {
      const auto begin = std::chrono::steady_clock::now();
      weft::with_deadline(1min, [&] {
        weft::group g;
        for (int i = 0; i < count; ++i) g.spawn([&] { ask(argv[1]); });
      });
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      std::printf("%d queries of 0.1 s: %.2f s\n", count, took.count());
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "postgres_fan_out: %s\n", e.what());
    return 1;
  }
}
