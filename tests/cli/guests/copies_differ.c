// Behaves as its copy number says: 2 exits with 3, 4 traps, 6 writes out of bounds of its directory; others succeed.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const char* copy = getenv("WEFT_COPY");
  const int number = copy ? atoi(copy) : 0;
  if (number == 2) return 3;
  if (number == 4) __builtin_trap();
  if (number == 6) return fopen("../outside", "w") ? 5 : 0;
  printf("copy %d is well\n", number);
  return 0;
}
