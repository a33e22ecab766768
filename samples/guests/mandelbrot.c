// Renders one tile of a picture of the Mandelbrot set: a guest that only computes, then writes one file.
//
//   mandelbrot WIDTH HEIGHT ITERATIONS X Y TILE_WIDTH TILE_HEIGHT OUTPUT
//
// OUTPUT, a path beneath a preopened directory, receives the tile's pixels as rows of RGB bytes.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mandelbrot.h"

static int fail(const char* what, const char* name) {
  fprintf(stderr, "mandelbrot: %s %s: %s\n", what, name, strerror(errno));
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 9) {
    fputs("usage: mandelbrot WIDTH HEIGHT ITERATIONS X Y TILE_WIDTH TILE_HEIGHT OUTPUT\n", stderr);
    return 2;
  }
  const struct mandelbrot_picture picture = mandelbrot_view(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
  const int x0 = atoi(argv[4]), y0 = atoi(argv[5]);
  const int width = atoi(argv[6]), height = atoi(argv[7]);
  if (picture.width <= 0 || picture.height <= 0 || width <= 0 || height <= 0) {
    fputs("mandelbrot: sizes must be positive\n", stderr);
    return 2;
  }

  const size_t size = (size_t)width * (size_t)height * 3;
  uint8_t* pixels = malloc(size);
  if (!pixels) return fail("no memory for", argv[8]);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      mandelbrot_pixel(&picture, x0 + x, y0 + y, pixels + ((size_t)y * (size_t)width + (size_t)x) * 3);

  FILE* file = fopen(argv[8], "wb");
  if (!file) return fail("cannot create", argv[8]);
  if (fwrite(pixels, 1, size, file) != size || fclose(file) != 0) return fail("cannot write", argv[8]);
  free(pixels);
  printf("tile %d,%d of %d x %d pixels\n", x0, y0, width, height);
  return 0;
}
