// The way from the hooks of io/hooks into weft for the program's threads: the door of program_thread.hpp. Their own thread-locals go with them, so
// nothing keeps them on a worker.
#include <weft/io/hooks/detail/entry.hpp>

#include <new>

#include <weft/io/exec/program_thread.hpp>

namespace weft::io::hooks {

namespace {

// The thread that has gone in, which no thread-local of the runtime's side tells.
exec::program_thread*& inside_of(void** saved) noexcept { return *reinterpret_cast<exec::program_thread**>(saved); }

}  // namespace

bool may_wait() noexcept { return exec::this_program_thread() != nullptr; }

[[gnu::noinline]] entry::entry() noexcept {
  exec::program_thread* self = exec::this_program_thread();
  inside_of(saved_) = self;
  exec::set_thread_pointer(self->worker);
}

[[gnu::noinline]] entry::~entry() {
  exec::program_thread* self = inside_of(saved_);
  self->worker = exec::thread_pointer();
  exec::set_thread_pointer(self->block);
}

}  // namespace weft::io::hooks
