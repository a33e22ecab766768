// A small real module, to be damaged.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  unsigned sum = 0;
  for (int i = 0; i < 1000; ++i) sum = sum * 31 + (unsigned)i;
  char* text = malloc(64);
  if (text == NULL) return 1;
  snprintf(text, 64, "%d arguments, %u\n", argc, sum);
  fputs(text, stdout);
  free(text);
  return argv[0] == NULL;
}
