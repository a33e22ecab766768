// Says that it has started, then waits for input that the tests never send.
#include <unistd.h>

int main(void) {
  write(1, "reading\n", 8);
  char byte;
  return read(0, &byte, 1) == 1 ? 0 : 1;
}
