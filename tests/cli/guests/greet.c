// Accepts one connection on descriptor 3 and greets it.
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  const int connection = accept(3, 0, 0);
  if (connection < 0) return 1;
  return write(connection, "hello\n", 6) == 6 ? 0 : 2;
}
