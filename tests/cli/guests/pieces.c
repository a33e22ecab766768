// Writes lines in small pieces, each by a call of its own, so that lines of several copies could mix.
//
//   pieces LINES
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const char* copy = getenv("WEFT_COPY");
  const int lines = argc > 1 ? atoi(argv[1]) : 1;
  for (int i = 0; i < lines; ++i) {
    char piece[64];
    for (int part = 0; part < 4; ++part) {
      snprintf(piece, sizeof piece, "<%s/%d/%d>", copy ? copy : "only", i, part);
      if (write(1, piece, strlen(piece)) < 0) return 1;
      sched_yield();
    }
    if (write(1, "\n", 1) != 1) return 1;
  }
  return 0;
}
