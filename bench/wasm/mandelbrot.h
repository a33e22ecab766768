// The same sum as bench::mandelbrot_rows of bench/harness, for guests.
typedef unsigned long long count;

static count mandelbrot_point(double cx, double cy) {
  double x = 0;
  double y = 0;
  count iterations = 0;
  while (iterations < 256 && x * x + y * y <= 4.0) {
    double next = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next;
    ++iterations;
  }
  return iterations;
}

static count mandelbrot_of(int size) {
  count sum = 0;
  for (int row = 0; row < size; ++row) {
    double cy = 2.0 * row / size - 1.0;
    for (int column = 0; column < size; ++column) sum += mandelbrot_point(3.0 * column / size - 2.0, cy);
  }
  return sum;
}
