// Many clients in a process of their own, as one process may not have descriptors for both sides: crowd PORT COUNT
//
// Connects COUNT times, prints "connected"; on a line of the standard input sends a byte on each connection, awaits its echo on each, prints
// "answered"; at the end of the input it ends. Exit code 1 and a message if anything fails.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void take_all_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<int> connect_all(unsigned short port, int count) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> all;
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("crowd: socket");
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) fail("crowd: connect");
    all.push_back(fd);
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  take_all_descriptors();
  const std::vector<int> all =
      connect_all(static_cast<unsigned short>(std::strtoul(argv[1], nullptr, 10)), std::atoi(argv[2]));
  std::puts("connected");
  std::fflush(stdout);
  while (std::getchar() == '\n') {
    char byte = 'x';
    for (const int fd : all) {
      if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) fail("crowd: send");
    }
    for (const int fd : all) {
      if (::recv(fd, &byte, 1, 0) != 1) fail("crowd: recv");
    }
    std::puts("answered");
    std::fflush(stdout);
  }
}
