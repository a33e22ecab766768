// Talks over channels in every way that weft.h has: talker COMMAND [ARGUMENT...]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

static int fail(const char* what, int error) {
  printf("%s: %s\n", what, strerror(error));
  return 1;
}

// Upper case, from "in" to "out", until the end.
static int shout(void) {
  weft_channel in, out;
  int error = weft_channel_open("in", &in);
  if (error == 0) error = weft_channel_open("out", &out);
  if (error != 0) return fail("open", error);
  char text[1024];
  size_t length;
  while ((error = weft_receive(in, text, sizeof text, &length, WEFT_FOREVER)) == 0) {
    for (size_t i = 0; i < length; ++i) {
      if (text[i] >= 'a' && text[i] <= 'z') text[i] = (char)(text[i] - 'a' + 'A');
    }
    if ((error = weft_send(out, text, length, WEFT_FOREVER)) != 0) return fail("send", error);
  }
  return error == EPIPE ? 0 : fail("receive", error);
}

// The numbers 0 and 1 are those of the host's list, or the parent's.
static int copy(const char* count) {
  char text[4096];
  size_t length;
  for (int left = atoi(count); left != 0; --left) {
    int error = weft_receive(0, text, sizeof text, &length, WEFT_FOREVER);
    if (error == EPIPE) return 0;
    if (error != 0) return fail("receive", error);
    if ((error = weft_send(1, text, length, WEFT_FOREVER)) != 0) return fail("send", error);
  }
  return 0;
}

static int errors(void) {
  weft_channel c, s, r;
  size_t length;
  char text[8];
  printf("open: %s\n", strerror(weft_channel_open("nothing", &c)));
  printf("bad number: %s\n", strerror(weft_send(77, "x", 1, 0)));
  if (weft_channel_create(1, &s, &r) != 0) return 1;
  printf("wrong end: %d %d\n", weft_send(r, "x", 1, 0), weft_receive(s, text, 8, &length, 0));
  printf("empty: %s\n", strerror(weft_receive(r, text, 8, &length, 0)));
  printf("empty for a while: %s\n", strerror(weft_receive(r, text, 8, &length, 1000)));
  printf("first: %d\n", weft_send(s, "0123456789", 10, 0));
  printf("full: %s\n", strerror(weft_send(s, "x", 1, 0)));
  printf("full for a while: %s\n", strerror(weft_send(s, "x", 1, 1000)));
  int error = weft_receive(r, text, 8, &length, 0);
  printf("too long: %s, %zu\n", strerror(error), length);
  char enough[10];
  error = weft_receive(r, enough, 10, &length, 0);
  printf("then: %d, %zu, %.10s\n", error, length, enough);
  printf("bad pointer: %s\n", strerror(weft_send(s, (void*)0xfffffff0u, 100, 0)));
  printf("huge: %s\n", strerror(weft_send(s, 0, 17u << 20, 0)));
  printf("closed: %d", weft_close(s));
  printf(" %s", strerror(weft_receive(r, text, 8, &length, WEFT_FOREVER)));
  printf(" %s\n", strerror(weft_close(s)));
  printf("capacity: %s\n", strerror(weft_channel_create(1u << 20, &s, &r)));
  struct weft_case nothing[1] = {{r, 9, 0, 0}};
  printf("select: %s, %s\n", strerror(weft_select(nothing, 0, 0, &length)),
         strerror(weft_select(nothing, 1, 0, &length)));
  weft_child child;
  printf("spawn: %s\n", strerror(weft_spawn("nothing", "", 0, 0, 0, &child)));
  return 0;
}

// Sends until the host has enough.
static int flood(void) {
  static char block[1 << 20];
  weft_channel s, r;
  if (weft_channel_create(1000, &s, &r) != 0) return 1;
  int sent = 0;
  int error;
  while ((error = weft_send(s, block, sizeof block, 0)) == 0) ++sent;
  printf("sent %d: %s\n", sent, strerror(error));
  size_t length;
  weft_receive(r, block, sizeof block, &length, 0);
  printf("after one was received: %d\n", weft_send(s, block, sizeof block, 0));
  int channels = 0;
  while (weft_channel_create(0, &s, &r) == 0) ++channels;
  printf("channels: %d\n", channels);
  return 0;
}

// Takes from both "a" and "b" as it comes, and sends what it has to "out".
static int merge(void) {
  weft_channel open[2];
  weft_channel out;
  if (weft_channel_open("a", &open[0]) || weft_channel_open("b", &open[1]) || weft_channel_open("out", &out)) return 1;
  size_t count = 2;
  while (count > 0) {
    struct weft_case cases[3];
    for (size_t i = 0; i < count; ++i) cases[i] = (struct weft_case){open[i], WEFT_RECEIVE, 0, 0};
    size_t chosen;
    int error = weft_select(cases, count, WEFT_FOREVER, &chosen);
    if (error == EPIPE) {
      open[chosen] = open[--count];
      continue;
    }
    if (error != 0) return fail("select", error);
    char text[256];
    size_t length;
    if ((error = weft_receive(open[chosen], text, sizeof text, &length, WEFT_AT_ONCE)) != 0)
      return fail("receive", error);
    struct weft_case send = {out, WEFT_SEND, text, length};
    if ((error = weft_select(&send, 1, WEFT_FOREVER, &chosen)) != 0) return fail("select to send", error);
  }
  size_t chosen;
  struct weft_case late = {out, WEFT_RECEIVE, 0, 0};
  printf("wrong end: %d\n", weft_select(&late, 1, 0, &chosen));
  return 0;
}

// A chain of children, each of which adds nothing and passes everything on: talker chain LENGTH.
static int chain(int length) {
  weft_channel first, from, to;
  if (weft_channel_create(4, &first, &from) != 0) return 1;
  weft_child children[16];
  for (int i = 0; i < length; ++i) {
    weft_channel next;
    if (weft_channel_create(4, &to, &next) != 0) return 1;
    const weft_channel ends[2] = {from, to};
    const char arguments[] = "copy\0-1";
    int error = weft_spawn("stage", arguments, sizeof arguments, ends, 2, &children[i]);
    if (error != 0) return fail("spawn", error);
    weft_close(from);
    weft_close(to);
    from = next;
  }
  char text[16];
  size_t size;
  long sum = 0;
  for (int i = 0; i < 100; ++i) {
    weft_send(first, text, (size_t)snprintf(text, sizeof text, "%d", i), WEFT_FOREVER);
    if (weft_receive(from, text, sizeof text, &size, WEFT_FOREVER) != 0) return 1;
    text[size] = 0;
    sum += atol(text);
  }
  printf("sum %ld\n", sum);
  int busy = weft_close(children[0]);
  weft_close(first);
  for (int i = 0; i < length; ++i) {
    int code = -1;
    int error = weft_child_wait(children[i], &code, WEFT_FOREVER);
    if (error != 0 || code != 0) return fail("child", error);
  }
  printf("closed %d %d\n", busy == EBUSY, weft_close(children[0]));
  return 0;
}

static int start(const char* arguments, size_t length) {
  weft_child child;
  int error = weft_spawn("stage", arguments, length, 0, 0, &child);
  if (error != 0) return fail("spawn", error);
  int code;
  error = weft_child_wait(child, &code, WEFT_AT_ONCE);
  printf("at once: %s\n", error == 0 || error == EAGAIN ? "fine" : strerror(error));
  struct weft_case end = {child, WEFT_CHILD_END, 0, 0};
  size_t chosen;
  if ((error = weft_select(&end, 1, WEFT_FOREVER, &chosen)) != 0) return fail("select", error);
  if ((error = weft_child_wait(child, &code, WEFT_FOREVER)) != 0) return fail("wait", error);
  printf("the child's exit code: %d\n", code);
  return 0;
}

// Ends a child that does this, and tells how it ended.
static int cancel_child(const char* arguments, size_t length) {
  weft_child child;
  int error = weft_spawn("stage", arguments, length, 0, 0, &child);
  if (error != 0) return fail("spawn", error);
  if ((error = weft_child_cancel(child)) != 0) return fail("cancel", error);
  int code;
  error = weft_child_wait(child, &code, WEFT_FOREVER);
  printf("%s: %s\n", arguments, strerror(error));
  if (weft_child_wait(child, &code, WEFT_FOREVER) != error) return fail("wait again", error);
  return weft_close(child);
}

static int cancel_children(void) {
  const char sleep[] =
      "sleep\0"
      "3600000000000";
  if (cancel_child(sleep, sizeof sleep) != 0 || cancel_child("spin", sizeof "spin") != 0) return 1;
  weft_child child;
  int error = weft_spawn("stage",
                         "exit\0"
                         "7",
                         7, 0, 0, &child);
  int code;
  if (error != 0 || (error = weft_child_wait(child, &code, WEFT_FOREVER)) != 0) return fail("wait", error);
  if ((error = weft_child_cancel(child)) != 0) return fail("cancel", error);
  if ((error = weft_child_wait(child, &code, WEFT_FOREVER)) != 0) return fail("wait", error);
  printf("exit: %d\n", code);
  weft_channel ends[2];
  if ((error = weft_channel_create(1, &ends[0], &ends[1])) != 0) return fail("create", error);
  printf("no child: %s\n", strerror(weft_child_cancel(77)));
  printf("a channel: %s\n", strerror(weft_child_cancel(ends[0])));
  return 0;
}

int main(int argc, char** argv) {
  setvbuf(stdout, 0, _IOLBF, 0);
  const char* command = argc > 1 ? argv[1] : "";
  if (strcmp(command, "shout") == 0) return shout();
  if (strcmp(command, "copy") == 0) return copy(argv[2]);
  if (strcmp(command, "errors") == 0) return errors();
  if (strcmp(command, "flood") == 0) return flood();
  if (strcmp(command, "merge") == 0) return merge();
  if (strcmp(command, "chain") == 0) return chain(atoi(argv[2]));
  if (strcmp(command, "exit") == 0) return atoi(argv[2]);
  if (strcmp(command, "trap") == 0) __builtin_trap();
  if (strcmp(command, "sleep") == 0) return weft_sleep(atoll(argv[2]));
  if (strcmp(command, "parent-of-exit") == 0)
    return start(
        "exit\0"
        "7",
        7);
  if (strcmp(command, "parent-of-trap") == 0) return start("trap", 5);
  if (strcmp(command, "parent-of-sleep") == 0) {
    const char arguments[] =
        "sleep\0"
        "3600000000000";
    weft_child child;
    int started = 0;
    while (weft_spawn("stage", arguments, sizeof arguments, 0, 0, &child) == 0) ++started;
    printf("%d children\n", started);
    return 0;
  }
  if (strcmp(command, "canceller") == 0) return cancel_children();
  if (strcmp(command, "spin") == 0) {
    for (volatile int i = 0;; ++i) {
    }
  }
  puts("talker: no such command");
  return 2;
}
