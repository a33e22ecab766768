// Imports from another module.
#include <stdint.h>
#include <stdio.h>

__attribute__((import_module("math"), import_name("add"))) int32_t add(int32_t, int32_t);

int main(void) {
  printf("%d\n", add(40, 2));
  return 0;
}
