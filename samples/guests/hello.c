// Greets, and shows what it was given.
//
//   hello [NAME...]
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  if (argc < 2) puts("hello from a guest");
  for (int i = 1; i < argc; ++i) printf("hello %s\n", argv[i]);
  const char* copy = getenv("WEFT_COPY");
  if (copy) printf("this is copy %s\n", copy);
  return 0;
}
