// One guest for many tests: the first argument says what to do.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static int failed(const char* what) {
  printf("%s: errno %d\n", what, errno);
  return 1;
}

static int show(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("argument %d: %s\n", i, argv[i]);
  for (char** e = environ; *e != NULL; ++e) printf("environment: %s\n", *e);
  return 0;
}

// Copies input to output, and says when it begins.
static int cat(void) {
  char buffer[4096];
  if (write(1, "ready\n", 6) != 6) return 1;
  for (;;) {
    const ssize_t n = read(0, buffer, sizeof buffer);
    if (n < 0) return failed("read");
    if (n == 0) return 0;
    if (write(1, buffer, (size_t)n) != n) return failed("write");
  }
}

static int sleep_for(const char* milliseconds) {
  const long ms = atol(milliseconds);
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  printf("sleeping\n");
  fflush(stdout);
  if (nanosleep(&t, NULL) != 0) return failed("nanosleep");
  printf("awake\n");
  return 0;
}

static int spin(void) {
  volatile uint32_t n = 0;
  printf("spinning\n");
  fflush(stdout);
  for (;;) ++n;
}

static uint64_t sum_of_squares(uint32_t n) {
  uint64_t sum = 0;
  for (uint32_t i = 1; i <= n; ++i) {
    sum += (uint64_t)i * i;
    sum ^= sum << 7;
  }
  return sum;
}

static int compute(const char* n) {
  printf("%llu\n", (unsigned long long)sum_of_squares((uint32_t)atol(n)));
  return 0;
}

static int depth(int n) {
  volatile char weight[64];
  weight[n % 64] = (char)n;
  return depth(n + 1) + weight[n % 64];
}

__attribute__((noinline)) static void innermost(void) { __builtin_trap(); }
__attribute__((noinline)) static void middle(void) {
  innermost();
  printf("not reached\n");
}

static int grow(void) {
  for (size_t megabytes = 0;; ++megabytes) {
    char* volatile p = malloc(1 << 20); /* volatile: or the compiler sees that nobody reads it, and drops it all */
    if (p == NULL) {
      printf("malloc failed after %zu MiB\n", megabytes);
      return 3;
    }
    memset(p, 1, 1 << 20);
    // Or the compiler sees that nobody looks.
    __asm__ volatile("" : : "r"(p) : "memory");
  }
}

static int read_file(const char* path) {
  char buffer[256];
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return failed("open");
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n < 0) return failed("read");
  fwrite(buffer, 1, (size_t)n, stdout);
  close(fd);
  return 0;
}

static int write_file(const char* path, const char* text, int flags) {
  const int fd = open(path, O_WRONLY | O_CREAT | flags, 0666);
  if (fd < 0) return failed("open");
  if (write(fd, text, strlen(text)) < 0) return failed("write");
  close(fd);
  return 0;
}

static int list(const char* path) {
  DIR* d = opendir(path);
  if (d == NULL) return failed("opendir");
  for (struct dirent* e = readdir(d); e != NULL; e = readdir(d)) printf("%s\n", e->d_name);
  closedir(d);
  return 0;
}

static int status(const char* path) {
  struct stat s;
  if (stat(path, &s) != 0) return failed("stat");
  printf("%s of %lld bytes\n",
         S_ISDIR(s.st_mode)   ? "directory"
         : S_ISREG(s.st_mode) ? "file"
                              : "other",
         (long long)s.st_size);
  return 0;
}

static int change(const char* what, const char* a, const char* b) {
  if (strcmp(what, "mkdir") == 0 && mkdir(a, 0777) != 0) return failed(what);
  if (strcmp(what, "rmdir") == 0 && rmdir(a) != 0) return failed(what);
  if (strcmp(what, "unlink") == 0 && unlink(a) != 0) return failed(what);
  if (strcmp(what, "rename") == 0 && rename(a, b) != 0) return failed(what);
  if (strcmp(what, "link") == 0 && link(a, b) != 0) return failed(what);
  if (strcmp(what, "symlink") == 0 && symlink(a, b) != 0) return failed(what);
  if (strcmp(what, "readlink") == 0) {
    char target[256];
    const ssize_t n = readlink(a, target, sizeof target);
    if (n < 0) return failed(what);
    printf("%.*s\n", (int)n, target);
  }
  return 0;
}

static int poll_input(const char* milliseconds) {
  struct pollfd p = {0, POLLIN, 0};
  printf("polling\n");
  fflush(stdout);
  const int n = poll(&p, 1, atoi(milliseconds));
  printf("%d ready, input %s\n", n, (p.revents & POLLIN) != 0 ? "yes" : "no");
  return n < 0 ? 1 : 0;
}

// Lines in pieces, so that those of several guests would mix.
static int lines(const char* name, const char* count) {
  for (int i = 0; i < atoi(count); ++i) {
    char rest[64];
    snprintf(rest, sizeof rest, " line %d\n", i);
    write(1, name, strlen(name));
    sched_yield();
    write(1, rest, strlen(rest));
  }
  write(1, "end", 3);
  return 0;
}

static int random_bytes(void) {
  unsigned char a[64], b[64];
  if (getentropy(a, sizeof a) != 0 || getentropy(b, sizeof b) != 0) return failed("getentropy");
  return memcmp(a, b, sizeof a) == 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "show";
  const char* a = argc > 2 ? argv[2] : "";
  const char* b = argc > 3 ? argv[3] : "";
  if (strcmp(what, "show") == 0) return show(argc, argv);
  if (strcmp(what, "exit") == 0) exit(atoi(a));
  if (strcmp(what, "abort") == 0) abort();
  if (strcmp(what, "trap") == 0) middle();
  if (strcmp(what, "recurse") == 0) return depth(0);
  if (strcmp(what, "fault") == 0) return *(volatile int*)0xfffffff0u;
  if (strcmp(what, "divide") == 0) return 1 / (argc - 3);
  if (strcmp(what, "grow") == 0) return grow();
  if (strcmp(what, "cat") == 0) return cat();
  if (strcmp(what, "sleep") == 0) return sleep_for(a);
  if (strcmp(what, "poll") == 0) return poll_input(a);
  if (strcmp(what, "spin") == 0) return spin();
  if (strcmp(what, "compute") == 0) return compute(a);
  if (strcmp(what, "lines") == 0) return lines(a, b);
  if (strcmp(what, "random") == 0) return random_bytes();
  if (strcmp(what, "read") == 0) return read_file(a);
  if (strcmp(what, "write") == 0) return write_file(a, b, O_TRUNC);
  if (strcmp(what, "append") == 0) return write_file(a, b, O_APPEND);
  if (strcmp(what, "list") == 0) return list(a);
  if (strcmp(what, "stat") == 0) return status(a);
  return change(what, a, b);
}
