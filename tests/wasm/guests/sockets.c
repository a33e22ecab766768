// A server on a listening socket it was given: serves one connection, sending everything back until the other side is
// done.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  const int listener = 3;
  printf("listening\n");
  fflush(stdout);
  const int client = accept4(listener, NULL, NULL, 0);
  if (client < 0) {
    printf("accept: errno %d\n", errno);
    return 1;
  }
  char buffer[1000];
  long total = 0;
  for (;;) {
    struct pollfd p = {client, POLLIN, 0};
    if (poll(&p, 1, -1) != 1) return 2;
    const ssize_t n = recv(client, buffer, sizeof buffer, 0);
    if (n < 0) return 3;
    if (n == 0) break;
    for (ssize_t sent = 0; sent < n;) {
      const ssize_t m = send(client, buffer + sent, (size_t)(n - sent), 0);
      if (m < 0) return 4;
      sent += m;
    }
    total += n;
  }
  if (shutdown(client, SHUT_WR) != 0) return 5;
  close(client);
  printf("%ld bytes\n", total);
  return 0;
}
