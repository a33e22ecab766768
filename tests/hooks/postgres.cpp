#include "postgres.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace weft::hooks_test {

namespace {

// Debian keeps the programs of each major version in a directory of its own.
std::string program(const std::string& name) {
  std::vector<std::filesystem::path> versions;
  if (std::filesystem::exists("/usr/lib/postgresql")) {
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql"))
      versions.push_back(entry.path());
  }
  if (versions.empty()) throw std::runtime_error("no PostgreSQL: install Debian's package postgresql");
  return (*std::max_element(versions.begin(), versions.end()) / "bin" / name).string();
}

}  // namespace

postgres::postgres() {
  const std::string where = directory_.path().string();
  const std::string port = std::to_string(free_port());
  give_to_user(directory_.path(), "postgres");
  run(as_user("postgres", {program("initdb"), "--no-sync", "--auth=trust", "--username=weft", "-D", where + "/data"}));
  local_ = "host=" + where + " port=" + port + " user=weft dbname=postgres";
  tcp_ = "host=127.0.0.1 port=" + port + " user=weft dbname=postgres sslmode=disable";
  server_ = std::make_unique<server>(
      as_user("postgres", {program("postgres"), "-D", where + "/data", "-k", where, "-h", "127.0.0.1", "-p", port, "-c",
                           "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=16MB"}),
      directory_.path() / "log", [&] { return PQping(local_.c_str()) == PQPING_OK; });
}

connection postgres::connect_by(const std::string& how) {
  connection c(PQconnectdb(how.c_str()));
  if (PQstatus(c.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(c.get()));
  return c;
}

}  // namespace weft::hooks_test
