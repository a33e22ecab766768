// Descriptors, files and listings.
#include "wasi_calls.h"

void check_descriptors(void) {
  __wasi_fdstat_t status;
  CHECK_OK(__wasi_fd_fdstat_get(root, &status));
  CHECK(status.fs_filetype == __WASI_FILETYPE_DIRECTORY);
  CHECK((status.fs_rights_base & __WASI_RIGHTS_PATH_OPEN) != 0);
  CHECK((status.fs_rights_base & __WASI_RIGHTS_FD_FILESTAT_SET_SIZE) == 0);
  CHECK_ERRNO(__wasi_fd_fdstat_get(77, &status), __WASI_ERRNO_BADF);

  __wasi_prestat_t given;
  CHECK_OK(__wasi_fd_prestat_get(root, &given));
  CHECK(given.tag == __WASI_PREOPENTYPE_DIR && given.u.dir.pr_name_len == 1);
  char name[8] = "xxxxxxx";
  CHECK_OK(__wasi_fd_prestat_dir_name(root, (uint8_t*)name, sizeof name));
  CHECK(memcmp(name, "/x", 2) == 0);
  CHECK_ERRNO(__wasi_fd_prestat_dir_name(root, (uint8_t*)name, 0), __WASI_ERRNO_NAMETOOLONG);
  CHECK_ERRNO(__wasi_fd_prestat_get(0, &given), __WASI_ERRNO_BADF);
  CHECK_ERRNO(__wasi_fd_prestat_get(root + 1, &given), __WASI_ERRNO_BADF);

  // Numbers: the lowest free one is taken, renumbering closes what was there.
  const __wasi_fd_t a = create("a");
  const __wasi_fd_t b = create("b");
  CHECK(a == root + 1 && b == root + 2);
  put(a, "one");
  CHECK_OK(__wasi_fd_renumber(a, b));
  CHECK_ERRNO(__wasi_fd_close(a), __WASI_ERRNO_BADF);
  __wasi_filesize_t at = 0;
  CHECK_OK(__wasi_fd_tell(b, &at));
  CHECK(at == 3);
  CHECK_ERRNO(__wasi_fd_renumber(a, b), __WASI_ERRNO_BADF);
  CHECK_ERRNO(__wasi_fd_renumber(b, a), __WASI_ERRNO_BADF);
  CHECK(create("c") == a);
  CHECK_OK(__wasi_fd_close(a));
  CHECK_OK(__wasi_fd_close(b));
  CHECK_ERRNO(__wasi_fd_close(b), __WASI_ERRNO_BADF);

  // Flags.
  __wasi_fd_t f = create("flags");
  CHECK_OK(__wasi_fd_fdstat_set_flags(f, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK));
  CHECK_OK(__wasi_fd_fdstat_get(f, &status));
  CHECK(status.fs_flags == (__WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK));
  put(f, "abc");
  CHECK_OK(__wasi_fd_seek(f, 0, __WASI_WHENCE_SET, &at));
  put(f, "def");
  CHECK_OK(__wasi_fd_fdstat_set_flags(f, 0));
  CHECK_OK(__wasi_fd_seek(f, 0, __WASI_WHENCE_SET, &at));
  char text[8] = {0};
  CHECK(get(f, text, sizeof text) == 6 && strcmp(text, "abcdef") == 0);
  CHECK_ERRNO(__wasi_fd_fdstat_set_flags(f, __WASI_FDFLAGS_DSYNC), __WASI_ERRNO_NOTSUP);
  CHECK_OK(__wasi_fd_close(f));
  CHECK_OK(open_at(root, "synced", __WASI_OFLAGS_CREAT, READ_WRITE, __WASI_FDFLAGS_DSYNC, &f));
  CHECK(put(f, "on disk") == 7);
  CHECK_OK(__wasi_fd_close(f));
}

void check_files(void) {
  const __wasi_fd_t f = create("file");
  __wasi_filesize_t at = 0;
  CHECK(put(f, "0123456789") == 10);
  CHECK_OK(__wasi_fd_seek(f, -4, __WASI_WHENCE_CUR, &at));
  CHECK(at == 6);
  CHECK_OK(__wasi_fd_seek(f, -1, __WASI_WHENCE_END, &at));
  CHECK(at == 9);
  CHECK_ERRNO(__wasi_fd_seek(f, -1, __WASI_WHENCE_SET, &at), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_fd_seek(f, 0, 9, &at), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_fd_seek(f, 3, __WASI_WHENCE_SET, &at));
  char text[32] = {0};
  CHECK(get(f, text, 4) == 4 && memcmp(text, "3456", 4) == 0);
  CHECK_OK(__wasi_fd_tell(f, &at));
  CHECK(at == 7);

  // Scattered, at an offset, across the end; the position stays.
  uint8_t first[2], second[30];
  const __wasi_iovec_t parts[] = {{first, 2}, {first, 0}, {second, 30}};
  __wasi_size_t n = 0;
  CHECK_OK(__wasi_fd_pread(f, parts, 3, 4, &n));
  CHECK(n == 6 && memcmp(first, "45", 2) == 0 && memcmp(second, "6789", 4) == 0);
  CHECK_OK(__wasi_fd_pread(f, parts, 3, 100, &n));
  CHECK(n == 0);
  const __wasi_ciovec_t pieces[] = {{(const uint8_t*)"ab", 2}, {(const uint8_t*)"cd", 2}};
  CHECK_OK(__wasi_fd_pwrite(f, pieces, 2, 8, &n));
  CHECK(n == 4);
  CHECK_OK(__wasi_fd_tell(f, &at));
  CHECK(at == 7);
  CHECK(get(f, text, sizeof text) == 5 && memcmp(text, "7abcd", 5) == 0);
  CHECK(get(f, text, sizeof text) == 0);

  // Size and times.
  __wasi_filestat_t status;
  CHECK_OK(__wasi_fd_filestat_get(f, &status));
  CHECK(status.size == 12 && status.filetype == __WASI_FILETYPE_REGULAR_FILE && status.nlink == 1 && status.ino != 0);
  CHECK_OK(__wasi_fd_filestat_set_size(f, 5));
  CHECK_OK(__wasi_fd_allocate(f, 0, 100));
  CHECK_ERRNO(__wasi_fd_allocate(f, 0, 0), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_fd_filestat_set_times(f, 1000000007, 2000000009, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
  CHECK_OK(__wasi_fd_filestat_get(f, &status));
  CHECK(status.size == 100 && status.atim == 1000000007 && status.mtim == 2000000009);
  CHECK_OK(__wasi_fd_filestat_set_times(f, 5, 6, __WASI_FSTFLAGS_MTIM_NOW));
  CHECK_OK(__wasi_fd_filestat_get(f, &status));
  CHECK(status.atim == 1000000007 && status.mtim > 2000000009);
  CHECK_ERRNO(__wasi_fd_filestat_set_times(f, 0, 0, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW),
              __WASI_ERRNO_INVAL);

  CHECK_OK(__wasi_fd_advise(f, 0, 100, __WASI_ADVICE_SEQUENTIAL));
  CHECK_ERRNO(__wasi_fd_advise(f, 0, 100, 99), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_fd_advise(root, 0, 100, __WASI_ADVICE_NORMAL), __WASI_ERRNO_BADF);
  CHECK_OK(__wasi_fd_sync(f));
  CHECK_OK(__wasi_fd_datasync(f));
  CHECK_OK(__wasi_fd_close(f));

  // Directories are no files.
  CHECK_ERRNO(__wasi_fd_read(root, parts, 1, &n), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_write(root, pieces, 1, &n), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_pread(root, parts, 1, 0, &n), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_seek(root, 0, __WASI_WHENCE_CUR, &at), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_tell(root, &at), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_allocate(root, 0, 1), __WASI_ERRNO_ISDIR);
  CHECK_ERRNO(__wasi_fd_filestat_set_size(root, 0), __WASI_ERRNO_ISDIR);
}

// Reads a listing through a buffer of the given size and counts what is there; -1 if something is wrong.
static int count_entries(__wasi_fd_t directory, __wasi_size_t room, const char* wanted, int* found) {
  uint8_t buffer[4096];
  __wasi_dircookie_t cookie = __WASI_DIRCOOKIE_START;
  int count = 0;
  *found = 0;
  for (;;) {
    __wasi_size_t used = 0;
    if (__wasi_fd_readdir(directory, buffer, room, cookie, &used) != 0 || used > room) return -1;
    __wasi_size_t at = 0;
    while (at + sizeof(__wasi_dirent_t) <= used) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + at, sizeof entry);
      if (at + sizeof entry + entry.d_namlen > used) break;
      const char* name = (const char*)buffer + at + sizeof entry;
      if (strlen(wanted) == entry.d_namlen && memcmp(name, wanted, entry.d_namlen) == 0) ++*found;
      at += sizeof entry + entry.d_namlen;
      cookie = entry.d_next;
      ++count;
    }
    if (used < room) return count;
    if (at == 0) return -1;
  }
}

void check_directories(void) {
  CHECK_OK(__wasi_path_create_directory(root, "many"));
  char path[64];
  for (int i = 0; i < 300; ++i) {
    snprintf(path, sizeof path, "many/entry number %d", i);
    touch(path);
  }
  __wasi_fd_t d = 0;
  CHECK_OK(open_at(root, "many", __WASI_OFLAGS_DIRECTORY, DIRECTORY_RIGHTS, 0, &d));
  int found = 0;
  CHECK(count_entries(d, 4096, "entry number 17", &found) == 302 && found == 1);
  CHECK(count_entries(d, 64, ".", &found) == 302 && found == 1);
  CHECK(count_entries(d, 100, "..", &found) == 302 && found == 1);

  // The first two entries, and the cookie of any entry as a place to go on.
  uint8_t buffer[128];
  __wasi_size_t used = 0;
  __wasi_dirent_t entry;
  CHECK_OK(__wasi_fd_readdir(d, buffer, sizeof buffer, 0, &used));
  memcpy(&entry, buffer, sizeof entry);
  CHECK(entry.d_namlen == 1 && entry.d_type == __WASI_FILETYPE_DIRECTORY && entry.d_next == 1);
  CHECK_OK(__wasi_fd_readdir(d, buffer, sizeof buffer, entry.d_next, &used));
  memcpy(&entry, buffer, sizeof entry);
  CHECK(entry.d_namlen == 2);
  CHECK_OK(__wasi_fd_readdir(d, buffer, 10, 0, &used));
  CHECK(used == 10);
  CHECK_ERRNO(__wasi_fd_readdir(1, buffer, sizeof buffer, 0, &used), __WASI_ERRNO_NOTDIR);
  CHECK_OK(__wasi_fd_close(d));
}
