/* echo_server PORT: a thread for each connection, as one would write it without weft. Ends by SIGTERM. */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void* serve(void* argument) {
  int connection = (int)(intptr_t)argument;
  char buffer[4096];
  for (;;) {
    ssize_t size = read(connection, buffer, sizeof buffer);
    if (size <= 0) break;
    for (ssize_t sent = 0; sent < size;) {
      ssize_t n = write(connection, buffer + sent, (size_t)(size - sent));
      if (n < 0) goto end;
      sent += n;
    }
  }
end:
  close(connection);
  return NULL;
}

static void* accept_all(void* argument) {
  int listener = (int)(intptr_t)argument;
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) {
      perror("accept");
      exit(1);
    }
    pthread_t thread;
    if (pthread_create(&thread, &detached, serve, (void*)(intptr_t)connection) != 0) {
      fprintf(stderr, "no thread\n");
      exit(1);
    }
  }
}

int main(int count, char** words) {
  if (count != 2) return 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
    perror("echo_server");
    return 1;
  }
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &end, NULL); /* in all threads */
  pthread_t acceptor;
  pthread_create(&acceptor, NULL, accept_all, (void*)(intptr_t)listener);
  int signal = 0;
  sigwait(&end, &signal);
  return 0;
}
