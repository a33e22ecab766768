// What the guests of bench_wasm run: functions without WASI, called by name.
typedef unsigned long long count;

__attribute__((export_name("answer"))) int answer(void) { return 42; }

// The same as bench::mandelbrot_rows.
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

__attribute__((export_name("mandelbrot"))) count mandelbrot(int size) {
  count sum = 0;
  for (int row = 0; row < size; ++row) {
    double cy = 2.0 * row / size - 1.0;
    for (int column = 0; column < size; ++column) sum += mandelbrot_point(3.0 * column / size - 2.0, cy);
  }
  return sum;
}

__attribute__((export_name("spin"))) void spin(void) {
  for (volatile count i = 0;; ++i) {
  }
}

__attribute__((import_module("host"), import_name("at_once"))) int host_at_once(int);
__attribute__((import_module("host"), import_name("after_a_turn"))) int host_after_a_turn(int);

__attribute__((export_name("call_at_once"))) int call_at_once(int count) {
  unsigned sum = 0;
  for (int i = 0; i < count; ++i) sum += (unsigned)host_at_once(i);
  return (int)sum;
}

__attribute__((export_name("call_after_a_turn"))) int call_after_a_turn(int count) {
  unsigned sum = 0;
  for (int i = 0; i < count; ++i) sum += (unsigned)host_after_a_turn(i);
  return (int)sum;
}
