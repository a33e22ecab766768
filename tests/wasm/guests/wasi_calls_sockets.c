// Sockets: 3 listens, and 4 is connected to a host that has sent "hello" and waits.
#include "wasi_calls.h"

static void without_right(__wasi_fd_t fd, __wasi_rights_t right) {
  __wasi_fdstat_t status;
  CHECK_OK(__wasi_fd_fdstat_get(fd, &status));
  CHECK_OK(__wasi_fd_fdstat_set_rights(fd, status.fs_rights_base & ~right, 0));
}

void check_sockets(void) {
  const __wasi_fd_t listener = 3, stream = 4;
  uint8_t text[16] = {0};
  const __wasi_iovec_t in[] = {{text, 2}, {text + 2, 14}};
  const __wasi_ciovec_t out = {(const uint8_t*)"answer", 6};
  const __wasi_iovec_t nowhere = {(uint8_t*)0xfffffff0u, 100};
  __wasi_size_t n = 0;
  __wasi_roflags_t flags = 9;
  __wasi_fd_t accepted = 0;
  __wasi_filesize_t at = 0;
  __wasi_fdstat_t status;

  CHECK_OK(__wasi_fd_fdstat_get(stream, &status));
  CHECK(status.fs_filetype == __WASI_FILETYPE_SOCKET_STREAM);
  CHECK_ERRNO(__wasi_fd_seek(stream, 0, __WASI_WHENCE_SET, &at), __WASI_ERRNO_SPIPE);
  CHECK_ERRNO(__wasi_fd_pread(stream, in, 2, 0, &n), __WASI_ERRNO_SPIPE);

  // Nobody connects: a listener that is not to wait does not.
  CHECK_OK(__wasi_fd_fdstat_set_flags(listener, __WASI_FDFLAGS_NONBLOCK));
  CHECK_ERRNO(__wasi_sock_accept(listener, 0, &accepted), __WASI_ERRNO_AGAIN);
  CHECK_ERRNO(__wasi_sock_accept(listener, __WASI_FDFLAGS_APPEND, &accepted), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_sock_accept(stream, 0, &accepted), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_sock_recv(listener, in, 2, 0, &n, &flags), __WASI_ERRNO_NOTCONN);

  // Looking, then taking; scattered.
  CHECK_ERRNO(__wasi_sock_recv(stream, in, 2, 4, &n, &flags), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_sock_recv(stream, &nowhere, 1, 0, &n, &flags), __WASI_ERRNO_FAULT);
  CHECK_OK(__wasi_sock_recv(stream, in, 2, __WASI_RIFLAGS_RECV_PEEK, &n, &flags));
  CHECK(n == 5 && flags == 0 && memcmp(text, "hello", 5) == 0);
  memset(text, 0, sizeof text);
  CHECK_OK(__wasi_sock_recv(stream, in, 2, 0, &n, &flags));
  CHECK(n == 5 && memcmp(text, "hello", 5) == 0);
  CHECK_OK(__wasi_fd_fdstat_set_flags(stream, __WASI_FDFLAGS_NONBLOCK));
  CHECK_ERRNO(__wasi_sock_recv(stream, in, 2, 0, &n, &flags), __WASI_ERRNO_AGAIN);
  CHECK_ERRNO(__wasi_fd_read(stream, in, 2, &n), __WASI_ERRNO_AGAIN);

  CHECK_ERRNO(__wasi_sock_send(stream, &out, 1, 1, &n), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_sock_send(stream, &out, 1, 0, &n));
  CHECK(n == 6);
  CHECK_OK(__wasi_fd_write(stream, &out, 1, &n));

  CHECK_ERRNO(__wasi_sock_shutdown(stream, 0), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_sock_shutdown(stream, 4), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_sock_shutdown(stream, __WASI_SDFLAGS_RD));
  CHECK_OK(__wasi_sock_recv(stream, in, 2, 0, &n, &flags));
  CHECK(n == 0);
  CHECK_OK(__wasi_sock_shutdown(stream, __WASI_SDFLAGS_WR));
  CHECK_ERRNO(__wasi_sock_send(stream, &out, 1, 0, &n), __WASI_ERRNO_PIPE);

  without_right(stream, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_SOCK_SHUTDOWN);
  CHECK_ERRNO(__wasi_sock_recv(stream, in, 2, 0, &n, &flags), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_sock_send(stream, &out, 1, 0, &n), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_sock_shutdown(stream, __WASI_SDFLAGS_WR), __WASI_ERRNO_NOTCAPABLE);
  without_right(listener, 1u << 29);  // sock_accept, which the C library has no name for
  CHECK_ERRNO(__wasi_sock_accept(listener, 0, &accepted), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_sock_accept(77, 0, &accepted), __WASI_ERRNO_BADF);
}

// Nothing can be changed in the directory that was given.
void check_read_only(void) {
  __wasi_fd_t fd = 0;
  __wasi_filestat_t before, after;
  CHECK_OK(__wasi_path_filestat_get(root, 0, "file", &before));
  CHECK_OK(open_at(root, "file", 0,
                   READ_WRITE & ~(__WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_DATASYNC), 0,
                   &fd));
  CHECK_ERRNO(__wasi_fd_filestat_set_times(fd, 1, 2, __WASI_FSTFLAGS_MTIM), __WASI_ERRNO_ROFS);
  CHECK(__wasi_fd_filestat_set_size(fd, 1) != 0);
  CHECK(__wasi_fd_allocate(fd, 0, 1000) != 0);
  const __wasi_ciovec_t w = {(const uint8_t*)"x", 1};
  __wasi_size_t n = 0;
  CHECK(__wasi_fd_write(fd, &w, 1, &n) != 0);
  CHECK(__wasi_fd_pwrite(fd, &w, 1, 0, &n) != 0);
  CHECK_OK(__wasi_fd_close(fd));
  CHECK_ERRNO(open_at(root, "file", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(open_at(root, "file", __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_READ, 0, &fd), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(open_at(root, "new", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_READ, 0, &fd), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_create_directory(root, "new"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_remove_directory(root, "dir"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_unlink_file(root, "file"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_rename(root, "file", root, "moved"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_link(root, 0, "file", root, "hard"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_symlink("file", root, "soft"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_filestat_set_times(root, 0, "file", 1, 2, __WASI_FSTFLAGS_MTIM), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_fd_filestat_set_times(root, 1, 2, __WASI_FSTFLAGS_MTIM), __WASI_ERRNO_ROFS);
  // Nor in one that was opened beneath.
  CHECK_OK(open_at(root, "dir", __WASI_OFLAGS_DIRECTORY, DIRECTORY_RIGHTS, 0, &fd));
  CHECK_ERRNO(__wasi_path_create_directory(fd, "new"), __WASI_ERRNO_ROFS);
  CHECK_ERRNO(__wasi_path_rename(fd, "inner", fd, "moved"), __WASI_ERRNO_ROFS);
  CHECK_OK(__wasi_fd_close(fd));
  CHECK_OK(__wasi_path_filestat_get(root, 0, "file", &after));
  CHECK(before.mtim == after.mtim && before.size == after.size);
}

// Two directories, on two file systems, the second at 4.
void check_two_file_systems(void) {
  touch("moved");
  CHECK_ERRNO(__wasi_path_rename(root, "moved", root + 1, "moved"), __WASI_ERRNO_XDEV);
  CHECK_OK(__wasi_path_unlink_file(root, "moved"));
}
