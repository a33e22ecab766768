// Takes without end what the first argument names.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  volatile unsigned n = 0;
  if (strcmp(what, "time") == 0) {
    for (;;) ++n;
  }
  if (strcmp(what, "output") == 0) {
    while (write(1, "a line\n", 7) == 7) ++n;
  }
  if (strcmp(what, "descriptors") == 0) {
    while (open(".", O_RDONLY | O_DIRECTORY) >= 0) ++n;
  }
  return 3;
}
