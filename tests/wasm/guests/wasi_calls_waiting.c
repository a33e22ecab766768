// Clocks, random numbers, waiting, and pointers that lead nowhere.
#include "wasi_calls.h"

void check_clocks(void) {
  __wasi_timestamp_t resolution = 0, now = 0, later = 0;
  CHECK_OK(__wasi_clock_res_get(__WASI_CLOCKID_REALTIME, &resolution));
  CHECK(resolution > 0 && resolution <= 1000000000);
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &now));
  CHECK(now > 1600000000000000000ull);
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now));
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &later));
  CHECK(later >= now);
  CHECK_ERRNO(__wasi_clock_time_get(77, 1, &now), __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_clock_res_get(77, &now), __WASI_ERRNO_INVAL);

  static uint8_t random[300000];
  CHECK_OK(__wasi_random_get(random, sizeof random));
  int counts[256] = {0};
  for (size_t i = 0; i < sizeof random; ++i) ++counts[random[i]];
  int bad = 0;
  for (int i = 0; i < 256; ++i) bad += counts[i] < 800 || counts[i] > 1600;
  CHECK(bad == 0);
  CHECK_OK(__wasi_sched_yield());
}

static __wasi_subscription_t in_time(uint64_t user, __wasi_clockid_t clock, uint64_t time,
                                     __wasi_subclockflags_t flags) {
  __wasi_subscription_t s = {.userdata = user, .u.tag = __WASI_EVENTTYPE_CLOCK};
  s.u.u.clock.id = clock;
  s.u.u.clock.timeout = time;
  s.u.u.clock.flags = flags;
  return s;
}

static __wasi_subscription_t on_descriptor(uint64_t user, __wasi_fd_t fd, __wasi_eventtype_t what) {
  __wasi_subscription_t s = {.userdata = user, .u.tag = what};
  s.u.u.fd_read.file_descriptor = fd;
  return s;
}

void check_polling(void) {
  __wasi_event_t events[4];
  __wasi_size_t n = 0;
  __wasi_timestamp_t before = 0, after = 0;

  // Relative and absolute, on both clocks; the nearest ends the wait, and only it is reported.
  __wasi_subscription_t s[4] = {in_time(1, __WASI_CLOCKID_MONOTONIC, 3000000, 0),
                                in_time(2, __WASI_CLOCKID_REALTIME, 3600000000000ull, 0)};
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &before));
  CHECK_OK(__wasi_poll_oneoff(s, events, 2, &n));
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &after));
  CHECK(n == 1 && events[0].userdata == 1 && events[0].type == __WASI_EVENTTYPE_CLOCK && events[0].error == 0);
  CHECK(after - before >= 3000000);
  s[0] = in_time(3, __WASI_CLOCKID_MONOTONIC, after + 2000000, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
  CHECK_OK(__wasi_poll_oneoff(s, events, 2, &n));
  CHECK_OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &before));
  CHECK(n == 1 && events[0].userdata == 3 && before >= after + 2000000);
  s[0] = in_time(4, __WASI_CLOCKID_REALTIME, 1, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
  CHECK_OK(__wasi_poll_oneoff(s, events, 1, &n));
  CHECK(n == 1 && events[0].userdata == 4);

  // Files are always ready; what can never be is reported at once.
  const __wasi_fd_t f = create("file");
  put(f, "12345");
  __wasi_filesize_t at = 0;
  CHECK_OK(__wasi_fd_seek(f, 2, __WASI_WHENCE_SET, &at));
  s[0] = on_descriptor(5, f, __WASI_EVENTTYPE_FD_READ);
  s[1] = on_descriptor(6, f, __WASI_EVENTTYPE_FD_WRITE);
  s[2] = on_descriptor(7, 77, __WASI_EVENTTYPE_FD_READ);
  s[3] = in_time(8, __WASI_CLOCKID_MONOTONIC, 3600000000000ull, 0);
  CHECK_OK(__wasi_poll_oneoff(s, events, 4, &n));
  CHECK(n == 3 && events[0].userdata == 5 && events[0].fd_readwrite.nbytes == 3 && events[1].userdata == 6);
  CHECK(events[2].userdata == 7 && events[2].error == __WASI_ERRNO_BADF);
  s[0] = in_time(9, 77, 1, 0);
  CHECK_OK(__wasi_poll_oneoff(s, events, 1, &n));
  CHECK(n == 1 && events[0].error == __WASI_ERRNO_INVAL);
  CHECK_ERRNO(__wasi_poll_oneoff(s, events, 0, &n), __WASI_ERRNO_INVAL);
  CHECK_OK(__wasi_fd_close(f));

  CHECK_ERRNO(__wasi_sock_shutdown(root, __WASI_SDFLAGS_WR), __WASI_ERRNO_NOTSOCK);
  CHECK_ERRNO(__wasi_sock_shutdown(77, __WASI_SDFLAGS_WR), __WASI_ERRNO_BADF);
}

#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
IMPORT(fd_write) int32_t raw_fd_write(int32_t fd, uint32_t vectors, uint32_t count, uint32_t written);
IMPORT(fd_read) int32_t raw_fd_read(int32_t fd, uint32_t vectors, uint32_t count, uint32_t read);
IMPORT(args_get) int32_t raw_args_get(uint32_t pointers, uint32_t buffer);
IMPORT(random_get) int32_t raw_random_get(uint32_t buffer, uint32_t size);
IMPORT(path_open)
int32_t raw_path_open(int32_t fd, int32_t lookup, uint32_t path, uint32_t length, int32_t oflags, int64_t base,
                      int64_t inheriting, int32_t flags, uint32_t result);
IMPORT(poll_oneoff) int32_t raw_poll(uint32_t in, uint32_t out, uint32_t count, uint32_t ready);
IMPORT(clock_time_get) int32_t raw_time(int32_t clock, int64_t precision, uint32_t result);
IMPORT(fd_readdir) int32_t raw_readdir(int32_t fd, uint32_t buffer, uint32_t size, int64_t cookie, uint32_t used);

void check_pointers(void) {
  const uint32_t nowhere = 0xfffffff0u;
  const uint32_t end = (uint32_t)(__builtin_wasm_memory_size(0) * 65536);
  uint32_t result = 0;
  const uint32_t good = (uint32_t)(uintptr_t)&result;
  uint32_t vector[2] = {nowhere, 100};
  const uint32_t vectors = (uint32_t)(uintptr_t)vector;
  CHECK_ERRNO(raw_fd_write(1, vectors, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_fd_read(0, vectors, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_fd_write(1, nowhere, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_fd_write(1, end - 4, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_fd_write(1, good, 0xffffffffu, nowhere), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_args_get(nowhere, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_random_get(end - 10, 11), __WASI_ERRNO_FAULT);
  CHECK_OK(raw_random_get(end - 10, 10));
  CHECK_OK(raw_random_get(end, 0));
  CHECK_ERRNO(raw_random_get(0, 0xffffffffu), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_path_open(root, 0, nowhere, 10, 0, 0, 0, 0, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_poll(nowhere, good, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_poll(good, nowhere, 1, good), __WASI_ERRNO_FAULT);
  CHECK_ERRNO(raw_time(0, 0, end - 7), __WASI_ERRNO_FAULT);
  CHECK_OK(raw_time(0, 0, end - 8));
  CHECK_ERRNO(raw_readdir(root, nowhere, 100, 0, good), __WASI_ERRNO_FAULT);

  // A file must not be made when its number could not be told.
  static const char path[] = "not made";
  CHECK_ERRNO(raw_path_open(root, 0, (uint32_t)(uintptr_t)path, 8, __WASI_OFLAGS_CREAT, 0, 0, 0, nowhere),
              __WASI_ERRNO_FAULT);
  __wasi_filestat_t status;
  CHECK_ERRNO(__wasi_path_filestat_get(root, 0, path, &status), __WASI_ERRNO_NOENT);
}
