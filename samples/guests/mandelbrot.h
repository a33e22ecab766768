// The picture of the demo: a part of the Mandelbrot set, pixel by pixel, as RGB bytes.
//
// Only additions, multiplications, divisions and square roots of doubles: each is rounded exactly by IEEE 754, so a guest,
// another language's guest and native code agree to the last bit. Compile with -ffp-contract=off: a fused
// multiply-add rounds once where two operations round twice.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

struct mandelbrot_picture {
  int width;           // pixels
  int height;          // pixels
  int max_iterations;  // a point that has not escaped by then counts as inside
  double center_x, center_y;
  double span;  // width of the picture on the complex plane
};

// Base 2 logarithm of x >= 1, good to 2e-6. Not the library's: libraries differ in the last bit.
static inline double mandelbrot_log2(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int exponent = (int)(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  double mantissa;
  memcpy(&mantissa, &bits, sizeof mantissa);
  const double t = (mantissa - 1.0) / (mantissa + 1.0);
  const double s = t * t;
  const double series = 1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
  return (double)exponent + 2.885390081777926814 * t * series;
}

// How fast c escapes, as a number without steps between iterations; negative if it does not.
static inline double mandelbrot_escape(double cx, double cy, int max_iterations) {
  double x = 0.0, y = 0.0;
  for (int i = 0; i < max_iterations; ++i) {
    const double xx = x * x;
    const double yy = y * y;
    if (xx + yy > 65536.0) return (double)i + 1.0 - mandelbrot_log2(mandelbrot_log2(xx + yy) / 16.0);
    y = 2.0 * x * y + cy;
    x = xx - yy + cx;
  }
  return -1.0;
}

// Night blue, teal, cream, amber, crimson and round again; `escape` as above.
static inline void mandelbrot_colour(double escape, int rgb[3]) {
  static const double stops[6][3] = {
      {9.0, 12.0, 46.0},    {16.0, 112.0, 138.0}, {250.0, 243.0, 214.0},
      {246.0, 167.0, 40.0}, {138.0, 24.0, 52.0},  {9.0, 12.0, 46.0},
  };
  if (escape < 0.0) {
    rgb[0] = rgb[1] = 6;
    rgb[2] = 16;
    return;
  }
  const double turns = sqrt(escape) * 0.22;
  const double position = (turns - (double)(int)turns) * 5.0;
  const int stop = (int)position;
  const double part = position - (double)stop;
  for (int i = 0; i < 3; ++i) rgb[i] = (int)floor(stops[stop][i] + (stops[stop + 1][i] - stops[stop][i]) * part + 0.5);
}

// One pixel: the mean of 2 x 2 samples.
static inline void mandelbrot_pixel(const struct mandelbrot_picture* picture, int px, int py, uint8_t rgb[3]) {
  const double step = picture->span / (double)picture->width;
  int sum[3] = {2, 2, 2};
  for (int sample = 0; sample < 4; ++sample) {
    const double sx = (double)px + 0.25 + 0.5 * (double)(sample & 1) - 0.5 * (double)picture->width;
    const double sy = (double)py + 0.25 + 0.5 * (double)(sample >> 1) - 0.5 * (double)picture->height;
    int colour[3];
    mandelbrot_colour(
        mandelbrot_escape(picture->center_x + sx * step, picture->center_y + sy * step, picture->max_iterations),
        colour);
    for (int i = 0; i < 3; ++i) sum[i] += colour[i];
  }
  for (int i = 0; i < 3; ++i) rgb[i] = (uint8_t)(sum[i] / 4);
}

// Where the demo looks: seahorse valley.
static inline struct mandelbrot_picture mandelbrot_view(int width, int height, int max_iterations) {
  struct mandelbrot_picture picture;
  picture.width = width;
  picture.height = height;
  picture.max_iterations = max_iterations;
  picture.center_x = -0.74364388;
  picture.center_y = 0.1318259;
  picture.span = 0.00042;
  return picture;
}
