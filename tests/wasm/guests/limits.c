// Takes without end what the first argument names.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int open_without_end(const char* path) {
  for (;;) {
    if (open(path, O_RDONLY) < 0) return 3;
  }
}

static int open_and_close(const char* path) {
  for (int i = 0; i < 100; ++i) {
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || close(fd) != 0) return 3;
  }
  return 0;
}

static int write_without_end(int fd) {
  static char block[1000];
  memset(block, 'x', sizeof block);
  for (;;) {
    if (write(fd, block, sizeof block) < 0) return 3;
  }
}

static int compute_without_end(void) {
  volatile unsigned n = 0;
  for (;;) ++n;
}

static int sleep_for(const char* milliseconds) {
  const long ms = atol(milliseconds);
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  return nanosleep(&t, NULL) == 0 ? 0 : 3;
}

static int sleep_and_compute(void) {
  const struct timespec t = {0, 1000000};
  for (;;) {
    volatile unsigned n = 0;
    while (n < 1000000) ++n;
    nanosleep(&t, NULL);
  }
}

// Twice, with whatever the call says each time.
static int allocate(const char* path, const char* bytes) {
  const int fd = open(path, O_RDWR | O_CREAT, 0600);
  const off_t size = atoll(bytes);
  return posix_fallocate(fd, 0, size) == 0 && posix_fallocate(fd, 0, size) == 0 ? 0 : 3;
}

// Seen from outside, or the compiler would leave the allocation out.
void* volatile latest;

static int grow(void) {
  do {
    latest = malloc(1 << 20);
  } while (latest != NULL);
  return 3;
}

static int recurse(int n) {
  volatile char weight[64];
  weight[n % 64] = (char)n;
  return recurse(n + 1) + weight[n % 64];
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const char* path = argc > 2 ? argv[2] : "";
  if (strcmp(what, "open") == 0) return open_without_end(path);
  if (strcmp(what, "open-close") == 0) return open_and_close(path);
  if (strcmp(what, "write") == 0) return write_without_end(1);
  if (strcmp(what, "write-file") == 0) return write_without_end(open(path, O_WRONLY | O_CREAT, 0600));
  if (strcmp(what, "allocate") == 0) return allocate(path, argv[3]);
  if (strcmp(what, "compute") == 0) return compute_without_end();
  if (strcmp(what, "sleep") == 0) return sleep_for(path);
  if (strcmp(what, "sleep-compute") == 0) return sleep_and_compute();
  if (strcmp(what, "grow") == 0) return grow();
  if (strcmp(what, "recurse") == 0) return recurse(0);
  return 2;
}
