#include "server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace weft::hooks_test {

namespace {

using namespace std::chrono_literals;

std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

int start(const std::vector<std::string>& words, const std::filesystem::path& output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

int end_of(int child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

sockaddr_in loopback(int port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return where;
}

}  // namespace

scratch::scratch() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-hooks-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = name;
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

scratch::~scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where = loopback(0);
  socklen_t size = sizeof where;
  const bool found = ::bind(fd, reinterpret_cast<sockaddr*>(&where), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0;
  ::close(fd);
  if (!found) throw std::runtime_error("no free port");
  return ntohs(where.sin_port);
}

bool accepts_connections(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in where = loopback(port);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
  ::close(fd);
  return connected;
}

void run(const std::vector<std::string>& words) {
  const scratch directory;
  const auto output = directory.path() / "output";
  if (end_of(start(words, output)) != 0) throw std::runtime_error(words[0] + " failed:\n" + content_of(output));
}

std::vector<std::string> as_user(const std::string& user, std::vector<std::string> words) {
  if (::geteuid() != 0) return words;
  std::vector<std::string> all{"runuser", "-u", user, "--"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

void give_to_user(const std::filesystem::path& path, const std::string& user) {
  if (::geteuid() != 0) return;
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr || ::chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) {
    throw std::runtime_error("cannot give " + path.string() + " to " + user);
  }
}

server::server(const std::vector<std::string>& words, const std::filesystem::path& output,
               const std::function<bool()>& is_ready)
    : id_(start(words, output)) {
  while (!is_ready()) {
    int status = 0;
    if (::waitpid(id_, &status, WNOHANG) == id_) throw std::runtime_error(words[0] + " ended:\n" + content_of(output));
    std::this_thread::sleep_for(5ms);
  }
}

server::~server() {
  ::kill(id_, SIGTERM);
  end_of(id_);
}

}  // namespace weft::hooks_test
