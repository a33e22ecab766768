// A PostgreSQL of the tests' own.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "server.hpp"

namespace weft::hooks_test {

struct close_connection {
  void operator()(PGconn* c) const { PQfinish(c); }
};
using connection = std::unique_ptr<PGconn, close_connection>;

struct clear_result {
  void operator()(PGresult* r) const { PQclear(r); }
};
using result = std::unique_ptr<PGresult, clear_result>;

class postgres {
 public:
  postgres();
  // Over the socket in its directory, or over TCP.
  [[nodiscard]] connection connect() const { return connect_by(local_); }
  [[nodiscard]] connection connect_by_tcp() const { return connect_by(tcp_); }
  [[nodiscard]] const std::string& local() const { return local_; }

 private:
  static connection connect_by(const std::string& how);

  scratch directory_;
  std::string local_, tcp_;
  std::unique_ptr<server> server_;
};

}  // namespace weft::hooks_test
