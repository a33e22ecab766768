// Takes memory, a mebibyte at a time, until it is ended or gets no more.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* volatile last;  // or the compiler finds out that nobody looks at the memory

int main(void) {
  for (int mebibytes = 0;; ++mebibytes) {
    last = malloc(1 << 20);
    if (!last) {
      printf("malloc failed after %d MiB\n", mebibytes);
      return 7;
    }
    memset(last, mebibytes, 1 << 20);
  }
}
