// Tells ThreadSanitizer that the memory of a ring which is gone has nothing to do with that of the next one.
//
// liburing maps and unmaps rings by system calls of its own, which ThreadSanitizer does not see. A new ring may lie where
// another thread's had been, and their accesses would look like a race. What is true is said here: a ring's end comes
// before the next ring's beginning. The linker puts these functions in between:
//
//   -Wl,--wrap=io_uring_queue_init_params -Wl,--wrap=io_uring_queue_exit
//
// Compile with -fno-sanitize=all.

extern "C" {

struct io_uring;
struct io_uring_params;

int __real_io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters);
void __real_io_uring_queue_exit(io_uring* ring);

void __tsan_acquire(void* address);
void __tsan_release(void* address);

static char rings_mapped_so_far;

int __wrap_io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters);
void __wrap_io_uring_queue_exit(io_uring* ring);

int __wrap_io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  const int result = __real_io_uring_queue_init_params(entries, ring, parameters);
  __tsan_acquire(&rings_mapped_so_far);
  return result;
}

void __wrap_io_uring_queue_exit(io_uring* ring) {
  __tsan_release(&rings_mapped_so_far);
  __real_io_uring_queue_exit(ring);
}

}  // extern "C"
