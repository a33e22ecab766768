// Blocks its worker five times, by a system call that nobody can stand in front of.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <thread>

extern "C" [[gnu::noinline]] long block_unnoticed() {
  const timespec duration{0, 2'000'000};
  long result = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(static_cast<long>(SYS_nanosleep)), "D"(&duration), "S"(0L)
               : "rcx", "r11", "memory");
  return result;
}

int main() {
  std::thread([] {
    for (int i = 0; i < 5; ++i) {
      if (block_unnoticed() != 0) _exit(1);
    }
  }).join();
}
