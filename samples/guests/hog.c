// Computes for ever: a guest that never gives its worker back. It must not be able to keep it.
#include <stdint.h>
#include <stdio.h>

int main(void) {
  puts("spinning");
  fflush(stdout);
  for (volatile uint32_t spins = 0;; ++spins) {
  }
}
