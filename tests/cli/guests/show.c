// Prints its arguments and its environment, a line each.
#include <stdio.h>

extern char** environ;

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) printf("argument %s\n", argv[i]);
  for (char** variable = environ; *variable; ++variable) printf("variable %s\n", *variable);
  return 0;
}
