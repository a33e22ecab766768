// Paths, links and rights.
#include "wasi_calls.h"

void check_paths(void) {
  __wasi_fd_t fd = 0;
  __wasi_filestat_t status;
  CHECK_OK(__wasi_path_create_directory(root, "dir"));
  CHECK_ERRNO(__wasi_path_create_directory(root, "dir"), __WASI_ERRNO_EXIST);
  CHECK_OK(__wasi_path_create_directory(root, "dir/nested/"));
  CHECK_ERRNO(__wasi_path_create_directory(root, "none/nested"), __WASI_ERRNO_NOENT);
  CHECK_ERRNO(__wasi_path_create_directory(root, "."), __WASI_ERRNO_EXIST);
  CHECK_ERRNO(__wasi_path_create_directory(root, ""), __WASI_ERRNO_NOENT);
  touch("dir/nested/file");

  // Ways through the tree, and out of it.
  CHECK_OK(open_at(root, "dir/.//nested/../../dir/nested/../nested///./file", 0, READ_WRITE, 0, &fd));
  CHECK_OK(__wasi_fd_close(fd));
  CHECK_ERRNO(open_at(root, "../x", __WASI_OFLAGS_CREAT, READ_WRITE, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(open_at(root, "dir/../../x", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(open_at(root, "/etc/passwd", 0, __WASI_RIGHTS_FD_READ, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(open_at(root, "/", 0, __WASI_RIGHTS_FD_READ, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_create_directory(root, "../x"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_create_directory(root, "/x"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_remove_directory(root, ".."), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_unlink_file(root, "../x"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_rename(root, "dir", root, "../dir"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_rename(root, "..", root, "up"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_filestat_get(root, 0, "..", &status), __WASI_ERRNO_NOTCAPABLE);
  CHECK_OK(open_at(root, "dir/nested", __WASI_OFLAGS_DIRECTORY, DIRECTORY_RIGHTS, 0, &fd));
  CHECK_ERRNO(__wasi_path_filestat_get(fd, 0, "../nested", &status), __WASI_ERRNO_NOTCAPABLE);
  CHECK_OK(__wasi_fd_close(fd));

  // Texts that are no paths.
  CHECK_ERRNO(open_at(root, "", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NOENT);
  CHECK_ERRNO(open_at(root, "\xff\xfe", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_ILSEQ);
  CHECK_ERRNO(open_at(root, "\xc0\xaf", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_ILSEQ);
  touch("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  char longest[5000];
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = 0;
  CHECK_ERRNO(open_at(root, longest, 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NAMETOOLONG);

  // How files are opened.
  CHECK_ERRNO(open_at(root, "none", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NOENT);
  CHECK_ERRNO(open_at(root, "dir/nested/file", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, READ_WRITE, 0, &fd),
              __WASI_ERRNO_EXIST);
  CHECK_ERRNO(open_at(root, "dir/nested/file", __WASI_OFLAGS_DIRECTORY, READ_WRITE, 0, &fd), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(open_at(root, "dir/nested/file/", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(open_at(root, "dir", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(open_at(root, "x", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_DIRECTORY, READ_WRITE, 0, &fd),
              __WASI_ERRNO_INVAL);
  CHECK_ERRNO(open_at(0, "x", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(open_at(77, "x", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_BADF);

  // Status and times by name.
  CHECK_OK(
      __wasi_path_filestat_set_times(root, 0, "dir/nested/file", 11, 12, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
  CHECK_OK(__wasi_path_filestat_get(root, 0, "dir/nested/file", &status));
  CHECK(status.atim == 11 && status.mtim == 12 && status.filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK_ERRNO(__wasi_path_filestat_get(root, 0, "dir/nested/file/", &status), __WASI_ERRNO_NOTDIR);

  // Removing and renaming.
  CHECK_ERRNO(__wasi_path_remove_directory(root, "dir"), __WASI_ERRNO_NOTEMPTY);
  CHECK_ERRNO(__wasi_path_remove_directory(root, "dir/nested/file"), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(__wasi_path_unlink_file(root, "dir/nested"), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_path_unlink_file(root, "dir/nested/file/"), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(__wasi_path_remove_directory(root, "dir/."), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_path_rename(root, "dir/nested/file", root, "moved"));
  touch("other");
  CHECK_OK(__wasi_path_rename(root, "moved", root, "other"));
  CHECK_ERRNO(__wasi_path_rename(root, "moved", root, "other"), __WASI_ERRNO_NOENT);
  CHECK_ERRNO(__wasi_path_rename(root, "other", root, "dir"), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_path_rename(root, "dir", root, "other"), __WASI_ERRNO_NOTDIR);
  CHECK_ERRNO(__wasi_path_rename(root, "dir", root, "dir/nested/below"), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_path_unlink_file(root, "other"));
  CHECK_OK(__wasi_path_remove_directory(root, "dir/nested/"));
  CHECK_OK(__wasi_path_remove_directory(root, "dir"));
}

void check_links(void) {
  __wasi_fd_t fd = 0;
  __wasi_filestat_t status;
  __wasi_filestat_t other;
  touch("file");
  CHECK_OK(__wasi_path_create_directory(root, "dir"));

  // Hard links.
  CHECK_OK(__wasi_path_link(root, 0, "file", root, "dir/hard"));
  CHECK_OK(__wasi_path_filestat_get(root, 0, "file", &status));
  CHECK_OK(__wasi_path_filestat_get(root, 0, "dir/hard", &other));
  CHECK(status.ino == other.ino && status.dev == other.dev && status.nlink == 2);
  CHECK_ERRNO(__wasi_path_link(root, 0, "file", root, "file"), __WASI_ERRNO_EXIST);
  CHECK_ERRNO(__wasi_path_link(root, 0, "dir", root, "dir2"), __WASI_ERRNO_PERM);
  CHECK_ERRNO(__wasi_path_link(root, 0, "file", root, "link/"), __WASI_ERRNO_NOENT);
  CHECK_ERRNO(__wasi_path_link(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "file", root, "link"), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_path_link(root, 0, "../file", root, "link"), __WASI_ERRNO_NOTCAPABLE);

  // Symbolic links: made, read, followed only on request.
  CHECK_OK(__wasi_path_symlink("file", root, "soft"));
  CHECK_ERRNO(__wasi_path_symlink("file", root, "soft"), __WASI_ERRNO_EXIST);
  CHECK_ERRNO(__wasi_path_symlink("/etc", root, "absolute"), __WASI_ERRNO_NOTCAPABLE);
  uint8_t target[16];
  __wasi_size_t n = 0;
  CHECK_OK(__wasi_path_readlink(root, "soft", target, sizeof target, &n));
  CHECK(n == 4 && memcmp(target, "file", 4) == 0);
  CHECK_OK(__wasi_path_readlink(root, "soft", target, 2, &n));
  CHECK(n == 2);
  CHECK_ERRNO(__wasi_path_readlink(root, "file", target, sizeof target, &n), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_path_filestat_get(root, 0, "soft", &status));
  CHECK(status.filetype == __WASI_FILETYPE_SYMBOLIC_LINK);
  CHECK_OK(__wasi_path_filestat_get(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "soft", &status));
  CHECK(status.filetype == __WASI_FILETYPE_REGULAR_FILE);
  CHECK_ERRNO(open_at(root, "soft", 0, READ_WRITE, 0, &fd), __WASI_ERRNO_LOOP);
  CHECK_OK(__wasi_path_open(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "soft", 0, READ_WRITE, 0, 0, &fd));
  CHECK_OK(__wasi_fd_close(fd));

  // Dangling, circular, and out of the directory.
  CHECK_OK(__wasi_path_symlink("none", root, "dangling"));
  CHECK_ERRNO(__wasi_path_filestat_get(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "dangling", &status),
              __WASI_ERRNO_NOENT);
  CHECK_OK(__wasi_path_symlink("circle", root, "circle"));
  CHECK_ERRNO(__wasi_path_filestat_get(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "circle", &status), __WASI_ERRNO_LOOP);
  CHECK_OK(__wasi_path_link(root, 0, "circle", root, "circle2"));
  CHECK_OK(__wasi_path_symlink("../..", root, "out"));
  CHECK_ERRNO(__wasi_path_filestat_get(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "out", &status),
              __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_create_directory(root, "out/x"), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_readlink(root, "out/", target, sizeof target, &n), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_path_link(root, 0, "out/", root, "x"), __WASI_ERRNO_NOTDIR);
  CHECK_OK(__wasi_path_symlink("dir/../dir", root, "around"));
  CHECK_OK(__wasi_path_filestat_get(root, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "around", &status));
  CHECK(status.filetype == __WASI_FILETYPE_DIRECTORY);
  CHECK_OK(__wasi_path_unlink_file(root, "around"));
}

void check_rights(void) {
  const __wasi_fd_t f = create("file");
  char text[8];
  const __wasi_iovec_t v = {(uint8_t*)text, sizeof text};
  const __wasi_ciovec_t w = {(const uint8_t*)text, 1};
  __wasi_size_t n = 0;
  __wasi_fdstat_t status;
  CHECK_OK(__wasi_fd_fdstat_get(f, &status));
  CHECK(status.fs_rights_base == READ_WRITE && status.fs_rights_inheriting == 0);
  CHECK_OK(__wasi_fd_fdstat_set_rights(f, READ_WRITE & ~(__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE), 0));
  CHECK_ERRNO(__wasi_fd_read(f, &v, 1, &n), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_fd_write(f, &w, 1, &n), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(__wasi_fd_fdstat_set_rights(f, READ_WRITE, 0), __WASI_ERRNO_NOTCAPABLE);
  CHECK_OK(__wasi_fd_close(f));

  // What a directory does not pass on, files opened in it do not have.
  __wasi_fd_t d = 0;
  __wasi_fd_t g = 0;
  CHECK_OK(__wasi_path_create_directory(root, "dir"));
  CHECK_OK(open_at(root, "dir", __WASI_OFLAGS_DIRECTORY, DIRECTORY_RIGHTS, 0, &d));
  CHECK_OK(__wasi_fd_fdstat_get(d, &status));
  CHECK_OK(__wasi_fd_fdstat_set_rights(d, status.fs_rights_base & ~__WASI_RIGHTS_PATH_FILESTAT_SET_SIZE,
                                       status.fs_rights_inheriting & ~__WASI_RIGHTS_FD_WRITE));
  CHECK_OK(open_at(d, "x", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_READ, 0, &g));
  CHECK_ERRNO(__wasi_fd_write(g, &w, 1, &n), __WASI_ERRNO_NOTCAPABLE);
  CHECK_OK(__wasi_fd_close(g));
  CHECK_ERRNO(open_at(d, "x", 0, READ_WRITE, 0, &g), __WASI_ERRNO_NOTCAPABLE);
  CHECK_ERRNO(open_at(d, "x", __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_READ, 0, &g), __WASI_ERRNO_NOTCAPABLE);
  CHECK_OK(__wasi_fd_close(d));
}
