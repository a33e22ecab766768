// Checks of WASI functions called directly. A check that fails says where, and the guest goes on; its exit code is the
// number of failures.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

extern int failures;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                    \
    }                                                                \
  } while (0)

#define CHECK_ERRNO(call, expected)                                                                        \
  do {                                                                                                     \
    const __wasi_errno_t got_ = (call);                                                                    \
    if (got_ != (expected)) {                                                                              \
      printf("%s:%d: %s gives %d instead of %d\n", __FILE__, __LINE__, #call, (int)got_, (int)(expected)); \
      ++failures;                                                                                          \
    }                                                                                                      \
  } while (0)

#define CHECK_OK(call) CHECK_ERRNO(call, 0)

// The directory the guest was given.
enum { root = 3 };

#define ALL_RIGHTS ((__wasi_rights_t)((1u << 30) - 1))
// All but writing, which a directory itself refuses.
#define DIRECTORY_RIGHTS (ALL_RIGHTS & ~__WASI_RIGHTS_FD_WRITE)
#define READ_WRITE                                                                                            \
  (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL |           \
   __WASI_RIGHTS_FD_FILESTAT_GET | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE | __WASI_RIGHTS_FD_FILESTAT_SET_TIMES | \
   __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_ADVISE | __WASI_RIGHTS_FD_SYNC | __WASI_RIGHTS_FD_DATASYNC |  \
   __WASI_RIGHTS_FD_FDSTAT_SET_FLAGS | __WASI_RIGHTS_POLL_FD_READWRITE)

static inline __wasi_errno_t open_at(__wasi_fd_t directory, const char* path, __wasi_oflags_t how,
                                     __wasi_rights_t rights, __wasi_fdflags_t flags, __wasi_fd_t* fd) {
  return __wasi_path_open(directory, 0, path, how, rights, rights, flags, fd);
}

static inline __wasi_fd_t create(const char* path) {
  __wasi_fd_t fd = 0;
  CHECK_OK(open_at(root, path, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC, READ_WRITE, 0, &fd));
  return fd;
}

static inline __wasi_size_t put(__wasi_fd_t fd, const char* text) {
  const __wasi_ciovec_t v = {(const uint8_t*)text, strlen(text)};
  __wasi_size_t n = 0;
  CHECK_OK(__wasi_fd_write(fd, &v, 1, &n));
  return n;
}

static inline __wasi_size_t get(__wasi_fd_t fd, char* into, __wasi_size_t room) {
  const __wasi_iovec_t v = {(uint8_t*)into, room};
  __wasi_size_t n = 0;
  CHECK_OK(__wasi_fd_read(fd, &v, 1, &n));
  return n;
}

static inline void touch(const char* path) { CHECK_OK(__wasi_fd_close(create(path))); }

void check_descriptors(void);
void check_files(void);
void check_directories(void);
void check_links(void);
void check_paths(void);
void check_rights(void);
void check_clocks(void);
void check_polling(void);
void check_pointers(void);
void check_sockets(void);
void check_read_only(void);
void check_two_file_systems(void);
