// Servers that tests start for themselves, on loopback or a socket in a directory of their own, and stop.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace weft::hooks_test {

// A directory that is gone afterwards. Any user may go into it.
class scratch {
 public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A port that nobody listens on at the moment.
int free_port();
bool accepts_connections(int port);

// Runs a program to its end; throws with its output if it fails. Words, not a shell's line.
void run(const std::vector<std::string>& words);
// The words that run a program as that user, if this process is root.
std::vector<std::string> as_user(const std::string& user, std::vector<std::string> words);
void give_to_user(const std::filesystem::path& path, const std::string& user);

// A process from its start to its SIGTERM and end. It ends with this process in any case.
class server {
 public:
  // Its output goes into that file. Returns when is_ready() says so; throws with the output if it ends before that.
  server(const std::vector<std::string>& words, const std::filesystem::path& output,
         const std::function<bool()>& is_ready);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  [[nodiscard]] int id() const { return id_; }

 private:
  int id_;
};

}  // namespace weft::hooks_test
