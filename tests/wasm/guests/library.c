// A library: functions to be called, and something to be made ready first.
#include <stdio.h>
#include <stdlib.h>

static int ready = 0;

__attribute__((constructor)) static void prepare(void) { ready = 40; }

__attribute__((export_name("add"))) int add(int a, int b) { return a + b; }
__attribute__((export_name("readiness"))) int readiness(int more) { return ready + more; }
__attribute__((export_name("wide"))) long long wide(long long a) { return a * 3; }
__attribute__((export_name("say"))) void say(void) { puts("said"); }
__attribute__((export_name("leave"))) int leave(void) { exit(3); }
__attribute__((export_name("half"))) double half(double a) { return a / 2; }
