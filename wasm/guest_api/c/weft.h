// What guests in C and C++ get from weft beside WASI: channels, waiting for several things, children. A header alone.
//
//   weft_channel jobs;
//   if (weft_channel_open("jobs", &jobs) != 0) return 1;              // the host has granted none of that name
//   char job[4096];
//   for (;;) {
//     size_t length;
//     int error = weft_receive(jobs, job, sizeof job, &length, WEFT_FOREVER);   // parks the guest, holds no thread
//     if (error == EPIPE) break;                                      // closed, and all was received
//     ...
//   }
//
// Functions return 0 or an errno of <errno.h>. Time limits are nanoseconds: WEFT_AT_ONCE does not wait (EAGAIN), a positive
// number waits so long at most (ETIMEDOUT), WEFT_FOREVER without a limit. A message is bytes, 16 MiB at most.
#ifndef WEFT_H
#define WEFT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// An end of a channel, or a child: a number of this guest's own.
typedef uint32_t weft_handle;
typedef weft_handle weft_channel;
typedef weft_handle weft_child;

#define WEFT_AT_ONCE ((int64_t)0)
#define WEFT_FOREVER ((int64_t)-1)

enum weft_case_kind {
  WEFT_RECEIVE = 0,    // a message has come: weft_receive() gives it without waiting
  WEFT_SEND = 1,       // data and length were sent
  WEFT_CHILD_END = 2,  // the child has ended
};

struct weft_case {
  weft_handle subject;
  uint32_t kind;
  const void* data;  // of a send
  size_t length;
};

#define WEFT_IMPORT(name) __attribute__((import_module("weft"), import_name(name)))

WEFT_IMPORT("channel_open") int weft_import_channel_open(const char* name, size_t length, weft_channel* out);
WEFT_IMPORT("channel_create")
int weft_channel_create(uint32_t capacity, weft_channel* sender, weft_channel* receiver);
WEFT_IMPORT("channel_send") int weft_send(weft_channel to, const void* data, size_t length, int64_t timeout);
WEFT_IMPORT("channel_receive")
int weft_receive(weft_channel from, void* buffer, size_t capacity, size_t* length, int64_t timeout);
WEFT_IMPORT("close") int weft_close(weft_handle handle);
WEFT_IMPORT("select") int weft_select(const struct weft_case* cases, size_t count, int64_t timeout, size_t* chosen);
WEFT_IMPORT("sleep") int weft_sleep(int64_t nanoseconds);
WEFT_IMPORT("spawn")
int weft_import_spawn(const char* program, size_t length, const char* arguments, size_t arguments_length,
                      const weft_channel* channels, size_t channel_count, weft_child* out);
WEFT_IMPORT("child_wait") int weft_child_wait(weft_child child, int* exit_code, int64_t timeout);
// Ends the child at its next wait, or within moments if it computes; does not wait for that. weft_child_wait() then gives
// ECANCELED, unless the child was faster.
WEFT_IMPORT("child_cancel") int weft_child_cancel(weft_child child);

#undef WEFT_IMPORT

// The channel that the host has granted under this name; ENOENT if there is none.
static inline int weft_channel_open(const char* name, weft_channel* out) {
  return weft_import_channel_open(name, strlen(name), out);
}

// Starts a granted program. `arguments` are texts, each with a null byte at its end, `arguments_length` bytes in all; the
// channels become numbers 0, 1, ... of the child. They stay this guest's, too, until it closes them. The child is cancelled
// when the parent ends, and its failure cancels the parent.
static inline int weft_spawn(const char* program, const char* arguments, size_t arguments_length,
                             const weft_channel* channels, size_t channel_count, weft_child* out) {
  return weft_import_spawn(program, strlen(program), arguments, arguments_length, channels, channel_count, out);
}

#ifdef __cplusplus
}
#endif

#endif
