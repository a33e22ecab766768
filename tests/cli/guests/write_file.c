// Writes a file at each of the paths given and says for each whether it could.
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  int status = 0;
  for (int i = 1; i < argc; ++i) {
    FILE* file = fopen(argv[i], "w");
    if (!file) {
      printf("%s: refused: %s\n", argv[i], strerror(errno));
      status = 1;
      continue;
    }
    fputs("written by a guest\n", file);
    fclose(file);
    printf("%s: written\n", argv[i]);
  }
  return status;
}
