// A library: functions to call, and to import from.
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))

static int32_t ready = 0;

__attribute__((constructor)) static void prepare(void) { ready = 1; }

EXPORT(add) int32_t add(int32_t a, int32_t b) { return ready ? a + b : -1; }
EXPORT(shift) int64_t shift(int64_t a, int32_t by) { return a << by; }
EXPORT(half) double half(double x) { return x / 2; }
EXPORT(third) float third(float x) { return x / 3; }
EXPORT(nothing) void nothing(void) {}
EXPORT(fault) void fault(void) { __builtin_trap(); }
