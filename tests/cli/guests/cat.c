// Copies standard input to standard output.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  char buffer[4096];
  ssize_t size;
  while ((size = read(0, buffer, sizeof buffer)) > 0) {
    if (fwrite(buffer, 1, (size_t)size, stdout) != (size_t)size || fflush(stdout) != 0) return 1;
  }
  return size < 0;
}
