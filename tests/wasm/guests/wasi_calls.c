// Calls every function of WASI preview 1 directly and checks what it answers. The argument names the group.
#include "wasi_calls.h"

#include <sched.h>
#include <stdlib.h>

#include "wasi_calls_files.c"
#include "wasi_calls_paths.c"
#include "wasi_calls_sockets.c"
#include "wasi_calls_waiting.c"

int failures = 0;

// The C library has no name for it any more.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise"))) int32_t
raw_proc_raise(int32_t signal);

int main(int argc, char** argv) {
  const struct {
    const char* name;
    void (*check)(void);
  } groups[] = {{"descriptors", check_descriptors},
                {"files", check_files},
                {"directories", check_directories},
                {"links", check_links},
                {"paths", check_paths},
                {"rights", check_rights},
                {"clocks", check_clocks},
                {"polling", check_polling},
                {"pointers", check_pointers},
                {"sockets", check_sockets},
                {"read only", check_read_only},
                {"two file systems", check_two_file_systems}};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i) {
    if (argc > 1 && strcmp(argv[1], groups[i].name) == 0) {
      groups[i].check();
      return failures;
    }
  }
  if (argc > 2 && strcmp(argv[1], "raise") == 0) {
    CHECK_OK((__wasi_errno_t)raw_proc_raise(atoi(argv[2])));
    printf("still here\n");
    return failures;
  }
  printf("no such group\n");
  return 99;
}
