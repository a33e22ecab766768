// Sleeps and wakes again: a guest that waits most of its time and must not hold a worker meanwhile.
//
//   sleeper TIMES MILLISECONDS
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: sleeper TIMES MILLISECONDS\n", stderr);
    return 2;
  }
  const int times = atoi(argv[1]);
  const int64_t length = (int64_t)atoi(argv[2]) * 1000000;
  const struct timespec nap = {.tv_sec = (time_t)(length / 1000000000), .tv_nsec = (long)(length % 1000000000)};
  int64_t latest = 0;
  for (int i = 0; i < times; ++i) {
    const int64_t before = now_ns();
    if (nanosleep(&nap, NULL) != 0) {
      perror("sleeper: nanosleep");
      return 1;
    }
    const int64_t late = now_ns() - before - length;
    if (late < 0) {
      fprintf(stderr, "sleeper: woke %lld ns early\n", (long long)-late);
      return 1;
    }
    if (late > latest) latest = late;
  }
  printf("woke %d times, at most %lld us late\n", times, (long long)(latest / 1000));
  return 0;
}
