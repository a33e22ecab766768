// Makes calls of WASI as its input lists them, one a line, and tells which did not answer as they should:
//
//   fd_read @file/2 <10 #4 = 0
//
// names a function, its arguments, and the error it must give. An argument is a number; @file/RIGHTS or @dir/RIGHTS, the
// file "file" or the directory that was given, opened with these rights for this call; 'TEXT, a pointer to the text and its
// length; <BYTES or >TEXT, a pointer to one buffer to read into, or of what is to be written, and the count 1; <! the same
// with a buffer that lies nowhere; #BYTES, a pointer to so much room; ~ a pointer to a subscription to a clock that is due; or
// ! a pointer that leads nowhere.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t i;
typedef uint64_t I;

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) i wasi_##name
#define A(n) (a[n])

#define FUNCTIONS(F)                                                                                \
  F(args_get, (i, i), (A(0), A(1)))                                                                 \
  F(args_sizes_get, (i, i), (A(0), A(1)))                                                           \
  F(environ_get, (i, i), (A(0), A(1)))                                                              \
  F(environ_sizes_get, (i, i), (A(0), A(1)))                                                        \
  F(clock_res_get, (i, i), (A(0), A(1)))                                                            \
  F(clock_time_get, (i, I, i), (A(0), A(1), A(2)))                                                  \
  F(fd_advise, (i, I, I, i), (A(0), A(1), A(2), A(3)))                                              \
  F(fd_allocate, (i, I, I), (A(0), A(1), A(2)))                                                     \
  F(fd_close, (i), (A(0)))                                                                          \
  F(fd_datasync, (i), (A(0)))                                                                       \
  F(fd_fdstat_get, (i, i), (A(0), A(1)))                                                            \
  F(fd_fdstat_set_flags, (i, i), (A(0), A(1)))                                                      \
  F(fd_fdstat_set_rights, (i, I, I), (A(0), A(1), A(2)))                                            \
  F(fd_filestat_get, (i, i), (A(0), A(1)))                                                          \
  F(fd_filestat_set_size, (i, I), (A(0), A(1)))                                                     \
  F(fd_filestat_set_times, (i, I, I, i), (A(0), A(1), A(2), A(3)))                                  \
  F(fd_pread, (i, i, i, I, i), (A(0), A(1), A(2), A(3), A(4)))                                      \
  F(fd_prestat_get, (i, i), (A(0), A(1)))                                                           \
  F(fd_prestat_dir_name, (i, i, i), (A(0), A(1), A(2)))                                             \
  F(fd_pwrite, (i, i, i, I, i), (A(0), A(1), A(2), A(3), A(4)))                                     \
  F(fd_read, (i, i, i, i), (A(0), A(1), A(2), A(3)))                                                \
  F(fd_readdir, (i, i, i, I, i), (A(0), A(1), A(2), A(3), A(4)))                                    \
  F(fd_renumber, (i, i), (A(0), A(1)))                                                              \
  F(fd_seek, (i, I, i, i), (A(0), A(1), A(2), A(3)))                                                \
  F(fd_sync, (i), (A(0)))                                                                           \
  F(fd_tell, (i, i), (A(0), A(1)))                                                                  \
  F(fd_write, (i, i, i, i), (A(0), A(1), A(2), A(3)))                                               \
  F(path_create_directory, (i, i, i), (A(0), A(1), A(2)))                                           \
  F(path_filestat_get, (i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4)))                             \
  F(path_filestat_set_times, (i, i, i, i, I, I, i), (A(0), A(1), A(2), A(3), A(4), A(5), A(6)))     \
  F(path_link, (i, i, i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4), A(5), A(6)))                   \
  F(path_open, (i, i, i, i, i, I, I, i, i), (A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8))) \
  F(path_readlink, (i, i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4), A(5)))                        \
  F(path_remove_directory, (i, i, i), (A(0), A(1), A(2)))                                           \
  F(path_rename, (i, i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4), A(5)))                          \
  F(path_symlink, (i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4)))                                  \
  F(path_unlink_file, (i, i, i), (A(0), A(1), A(2)))                                                \
  F(poll_oneoff, (i, i, i, i), (A(0), A(1), A(2), A(3)))                                            \
  F(proc_raise, (i), (A(0)))                                                                        \
  F(random_get, (i, i), (A(0), A(1)))                                                               \
  F(sched_yield, (void), ())                                                                        \
  F(sock_accept, (i, i, i), (A(0), A(1), A(2)))                                                     \
  F(sock_recv, (i, i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4), A(5)))                            \
  F(sock_send, (i, i, i, i, i), (A(0), A(1), A(2), A(3), A(4)))                                     \
  F(sock_shutdown, (i, i), (A(0), A(1)))

#define DECLARE(name, parameters, arguments) WASI(name) parameters;
FUNCTIONS(DECLARE)
#define DEFINE(name, parameters, arguments) \
  static i call_##name(const I* a) {        \
    (void)a;                                \
    return wasi_##name arguments;           \
  }
FUNCTIONS(DEFINE)

static const struct {
  const char* name;
  i (*call)(const I* arguments);
} functions[] = {
#define LIST(name, parameters, arguments) {#name, call_##name},
    FUNCTIONS(LIST)};

enum { given = 3, first_opened = 4, last_opened = 12, nowhere = 0xfffffff0u };

// Room for the pointers of one call, which need not be aligned for it to be right, but are.
static uint8_t room[1 << 16];
static size_t used;

static void* take(size_t bytes) {
  void* p = room + used;
  used += (bytes + 7) & ~(size_t)7;
  return p;
}

static I open_for_call(const char* what, I rights) {
  const bool directory = strcmp(what, "dir") == 0;
  const char* path = directory ? "." : what;
  i fd = 0;
  const i error = wasi_path_open(given, 1, (i)(uintptr_t)path, strlen(path), directory ? 2 : 0, rights,
                                 directory ? (1u << 30) - 1 : 0, 0, (i)(uintptr_t)&fd);
  if (error != 0) printf("cannot open %s with %llx: %u\n", what, (unsigned long long)rights, error);
  return fd;
}

static i buffer(void* at, size_t length) {
  i* vector = take(8);
  vector[0] = (i)(uintptr_t)at;
  vector[1] = length;
  return (i)(uintptr_t)vector;
}

static int parse(char* word, I* out) {
  switch (word[0]) {
    case '@': {
      char* slash = strchr(word, '/');
      *slash = 0;
      out[0] = open_for_call(word + 1, strtoull(slash + 1, NULL, 10));
      return 1;
    }
    case '\'':
      out[0] = (i)(uintptr_t)(word + 1);
      out[1] = strlen(word + 1);
      return 2;
    case '<':
      out[0] = word[1] == '!' ? buffer((void*)nowhere, 100)
                              : buffer(take(strtoul(word + 1, NULL, 10)), strtoul(word + 1, NULL, 10));
      out[1] = 1;
      return 2;
    case '>':
      out[0] = buffer(word + 1, strlen(word + 1));
      out[1] = 1;
      return 2;
    case '#':
      out[0] = (i)(uintptr_t)take(strtoul(word + 1, NULL, 10));
      return 1;
    case '~': {
      uint8_t* subscription = memset(take(48), 0, 48);
      subscription[16] = 1;  // the monotonic clock, and no time left
      out[0] = (i)(uintptr_t)subscription;
      return 1;
    }
    case '!':
      out[0] = nowhere;
      return 1;
    default:
      out[0] = strtoull(word, NULL, 10);
      return 1;
  }
}

static int call(const char* name, const I* arguments) {
  for (size_t f = 0; f < sizeof functions / sizeof *functions; ++f) {
    if (strcmp(functions[f].name, name) == 0) return (int)functions[f].call(arguments);
  }
  return -1;
}

// Whether the line holds.
static bool holds(char* line) {
  I arguments[10];
  int count = 0;
  used = 0;
  memset(room, 0, sizeof room);
  const char* name = strtok(line, " ");
  for (char* word = strtok(NULL, " "); word[0] != '='; word = strtok(NULL, " "))
    count += parse(word, arguments + count);
  const int expected = atoi(strtok(NULL, " "));
  const int got = call(name, arguments);
  for (i fd = first_opened; fd < last_opened; ++fd) wasi_fd_close(fd);
  if (got != expected) printf("%s gives %d instead of %d: ", name, got, expected);
  return got == expected;
}

int main(void) {
  char line[512];
  char copy[512];
  int wrong = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    strcpy(copy, line);
    if (holds(line)) continue;
    printf("%s", copy);
    ++wrong;
  }
  return wrong != 0;
}
