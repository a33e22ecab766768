// compute SIZE: a picture of so many rows, added up. It neither waits nor calls out before the end.
#include <stdio.h>
#include <stdlib.h>

#include "../wasm/mandelbrot.h"

int main(int argc, char** argv) {
  printf("%llu\n", mandelbrot_of(argc > 1 ? atoi(argv[1]) : 0));
  return 0;
}
