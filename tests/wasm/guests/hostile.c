// A guest that attacks its host: tries to get out of its directory while others change it, to exhaust what it is given, and to
// confuse by odd arguments. It tells "leaked" if it gets hold of what it must not, and what it counted.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

enum { root = 3 };

// "d" is in turn a directory and a symbolic link out of the directory.
static int swap(int times) {
  for (int n = 0; n < times; ++n) {
    rename("/d", "/aside");
    rename("/link", "/d");
    rename("/d", "/link");
    rename("/aside", "/d");
  }
  return 0;
}

static int leaked(const char* path) {
  char text[64] = {0};
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n < 0 || strstr(text, "secret") == NULL) return 0;
  printf("leaked %s\n", path);
  return 1;
}

// Everything that could reach, or change, what lies behind "d" when that is the link.
static int reach(int times) {
  int leaks = 0;
  struct stat status;
  for (int n = 0; n < times; ++n) {
    leaks += leaked("/d/secret");
    if (stat("/d/secret", &status) == 0) ++leaks;
    const int fd = open("/d/new", O_WRONLY | O_CREAT, 0666);
    if (fd >= 0) close(fd);
    unlink("/d/secret");
    mkdir("/d/made", 0777);
    symlink("x", "/d/soft");
    link("/file", "/d/hard");
    rename("/file", "/d/file");
    rename("/d/file", "/file");
    rename("/d/secret", "/stolen");
    leaks += leaked("/stolen");
  }
  return leaks;
}

// While "a/b" is moved out of the directory and back.
static int walk(int times) {
  int leaks = 0;
  for (int n = 0; n < times; ++n) {
    leaks += leaked("/a/b/../text");
    leaks += leaked("/a/b/c/../../text");
  }
  return leaks;
}

// The links of /proc that lead to what a process has open.
static int magic(void) {
  static const char* const paths[] = {
      "/self/root/etc/passwd", "/self/cwd",         "/self/exe",   "/self/fd/0",
      "/self/task/1/cwd",      "/thread-self/root", "/self/root/", "/self/cwd/../../../etc/passwd"};
  int opened = 0;
  for (size_t n = 0; n < sizeof paths / sizeof *paths; ++n) {
    if (open(paths[n], O_RDONLY) < 0) continue;
    printf("opened %s\n", paths[n]);
    ++opened;
  }
  return opened;
}

// A chain of links, each pointing to the next.
static int chain(int length) {
  char from[16];
  char to[16];
  close(open("/link0", O_WRONLY | O_CREAT, 0666));
  for (int n = 1; n <= length; ++n) {
    snprintf(from, sizeof from, "/link%d", n);
    snprintf(to, sizeof to, "link%d", n - 1);
    if (symlink(to, from) != 0) return 1;
  }
  const int fd = open(from, O_RDONLY);
  printf("%d\n", fd >= 0 ? 0 : errno);
  return 0;
}

// Opens until there is no more, and tells why that was.
static int exhaust(void) {
  int count = 0;
  while (open("/file", O_RDONLY) >= 0) ++count;
  printf("%d\n", errno);
  return count > 100 ? 0 : 1;
}

static int list(const char* path, const char* room) {
  const __wasi_size_t bytes = strtoul(room, NULL, 10);
  uint8_t* buffer = malloc(bytes);
  __wasi_fd_t fd = 0;
  if (__wasi_path_open(root, 0, path, __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &fd) != 0) return 1;
  __wasi_size_t used = 0;
  if (__wasi_fd_readdir(fd, buffer, bytes, 0, &used) != 0) return 2;
  int count = 0;
  for (__wasi_size_t at = 0; at + sizeof(__wasi_dirent_t) <= used; ++count) {
    __wasi_dirent_t entry;
    memcpy(&entry, buffer + at, sizeof entry);
    at += sizeof entry + entry.d_namlen;
  }
  printf("%d\n", count);
  return 0;
}

// Subscribes to one descriptor over and over.
static int poll_many(int count) {
  __wasi_subscription_t* in = calloc((size_t)count, sizeof *in);
  __wasi_event_t* out = calloc((size_t)count, sizeof *out);
  for (int n = 0; n < count; ++n) {
    in[n].userdata = (uint64_t)n;
    in[n].u.tag = __WASI_EVENTTYPE_FD_READ;
    in[n].u.u.fd_read.file_descriptor = 0;
  }
  __wasi_size_t ready = 0;
  const __wasi_errno_t error = __wasi_poll_oneoff(in, out, (__wasi_size_t)count, &ready);
  printf("%d, %d events\n", error, (int)ready);
  return 0;
}

// Buffers that lie over each other, or are too many or too large.
static int vectors(void) {
  uint8_t text[16] = "0123456789abcde";
  __wasi_fd_t fd = 0;
  __wasi_size_t n = 0;
  const __wasi_rights_t rights = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK;
  if (__wasi_path_open(root, 0, "vectors", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd) != 0) return 1;
  const __wasi_ciovec_t over[] = {{text, 10}, {text + 5, 10}, {text, 15}};
  if (__wasi_fd_write(fd, over, 3, &n) != 0 || n != 35) return 2;
  const __wasi_iovec_t into[] = {{text, 8}, {text + 4, 8}};
  if (__wasi_fd_pread(fd, into, 2, 0, &n) != 0 || n != 16 || memcmp(text, "012389", 4) != 0) return 3;
  const __wasi_ciovec_t all = {0, 0xffffffff};
  if (__wasi_fd_write(fd, &all, 1, &n) != __WASI_ERRNO_FAULT) return 4;
  const __wasi_ciovec_t behind = {text, 0xffffffff - (uint32_t)(uintptr_t)text};
  if (__wasi_fd_write(fd, &behind, 1, &n) != __WASI_ERRNO_FAULT) return 5;
  // Each vector is whole memory: far more bytes than can be counted, of which some are taken.
  const size_t size = __builtin_wasm_memory_size(0) * 65536;
  static __wasi_ciovec_t whole[2000];
  for (size_t i = 0; i < sizeof whole / sizeof *whole; ++i) whole[i] = (__wasi_ciovec_t){0, size};
  if (__wasi_fd_write(fd, whole, 2000, &n) != 0 || n == 0) return 6;
  if (__wasi_fd_write(fd, over, 0xffffffff, &n) == 0 && n == 0) return 7;
  if (__wasi_fd_write(fd, over, 0, &n) != 0 || n != 0) return 8;
  return 0;
}

static int long_path(void) {
  const size_t length = 3 << 20;
  char* path = malloc(length);
  memset(path, 'a', length);
  for (size_t n = 1; n < length; n += 2) path[n] = '/';
  __wasi_filestat_t status;
  path[length - 1] = 0;
  if (__wasi_path_filestat_get(root, 0, path, &status) != __WASI_ERRNO_NAMETOOLONG) return 1;
  path[300] = 0;
  memset(path, 'a', 300);
  return __wasi_path_filestat_get(root, 0, path, &status) == __WASI_ERRNO_NAMETOOLONG ? 0 : 2;
}

static int random_megabytes(int megabytes) {
  const size_t bytes = (size_t)megabytes << 20;
  uint8_t* room = malloc(bytes);
  if (room == NULL) return 1;
  printf("asking\n");
  fflush(stdout);
  return __wasi_random_get(room, bytes);
}

static int allocate(void) {
  __wasi_fd_t fd = 0;
  __wasi_filestat_t status;
  const __wasi_rights_t rights = __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_FILESTAT_GET;
  if (__wasi_path_open(root, 0, "allocated", __WASI_OFLAGS_CREAT, rights, 0, 0, &fd) != 0) return 1;
  const __wasi_errno_t huge = __wasi_fd_allocate(fd, 0, 1ull << 60);
  if (huge != __WASI_ERRNO_NOSPC && huge != __WASI_ERRNO_FBIG) return 2;
  if (__wasi_fd_filestat_get(fd, &status) != 0 || status.size != 0) return 3;
  if (__wasi_fd_allocate(fd, 5, 40 << 20) != 0) return 4;
  if (__wasi_fd_filestat_get(fd, &status) != 0 || status.size != 5 + (40 << 20)) return 5;
  return 0;
}

// The FIFO has no other end yet.
static int fifo(const char* how) {
  printf("opening\n");
  fflush(stdout);
  const int fd = open("/fifo", how[0] == 'r' ? O_RDONLY : O_WRONLY);
  char c = 0;
  if (fd < 0 || (how[0] == 'r' && read(fd, &c, 1) != 1)) return 1;
  return 0;
}

static int devices(void) {
  char text[8] = "xxxxxxx";
  struct stat status;
  const int zero = open("/zero", O_RDWR);
  if (zero < 0 || fstat(zero, &status) != 0 || !S_ISCHR(status.st_mode)) return 1;
  if (read(zero, text, sizeof text) != sizeof text || text[7] != 0 || write(zero, text, 4) != 4) return 2;
  const int full = open("/full", O_WRONLY);
  if (full < 0 || write(full, text, 1) != -1 || errno != ENOSPC) return 3;
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const char* argument = argc > 2 ? argv[2] : "0";
  const int number = atoi(argument);
  if (strcmp(what, "swap") == 0) return swap(number);
  if (strcmp(what, "reach") == 0) return reach(number);
  if (strcmp(what, "walk") == 0) return walk(number);
  if (strcmp(what, "magic") == 0) return magic();
  if (strcmp(what, "chain") == 0) return chain(number);
  if (strcmp(what, "exhaust") == 0) return exhaust();
  if (strcmp(what, "list") == 0) return list(argument, argv[3]);
  if (strcmp(what, "poll") == 0) return poll_many(number);
  if (strcmp(what, "vectors") == 0) return vectors();
  if (strcmp(what, "path") == 0) return long_path();
  if (strcmp(what, "random") == 0) return random_megabytes(number);
  if (strcmp(what, "allocate") == 0) return allocate();
  if (strcmp(what, "fifo") == 0) return fifo(argument);
  if (strcmp(what, "devices") == 0) return devices();
  return 99;
}
