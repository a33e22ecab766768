// Calls itself for ever.
#include <stdio.h>

static volatile int one = 1;

__attribute__((noinline)) static int dig_deeper(int depth) {
  if (!one) return depth;
  return dig_deeper(depth + one) + one;  // not a tail call
}

int main(void) {
  printf("%d\n", dig_deeper(0));
  return 0;
}
