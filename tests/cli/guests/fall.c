// Traps, three calls deep, in functions whose names the backtrace should show.
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static void step_off_the_edge(int depth) {
  if (depth > 0) __builtin_trap();
}

__attribute__((noinline)) static void walk_on(int depth) {
  step_off_the_edge(depth);
  puts("not reached");
}

int main(int argc, char** argv) {
  (void)argv;
  puts("walking");
  fflush(stdout);
  walk_on(argc);
  return 0;
}
