// What the guests of bench_wasm run: functions without WASI, called by name.
#include "mandelbrot.h"

__attribute__((export_name("answer"))) int answer(void) { return 42; }

__attribute__((export_name("mandelbrot"))) count mandelbrot(int size) { return mandelbrot_of(size); }

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
