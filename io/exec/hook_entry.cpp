// The way from the hooks of io/hooks into weft for the program's threads: the door of program_thread.hpp. Their own thread-locals go with them, so
// nothing keeps them on a worker.
#include <weft/io/hooks/detail/entry.hpp>

#include <cerrno>

#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/waiting.hpp>

namespace weft::io::hooks {

namespace {

// The thread that has gone in, which no thread-local of the runtime's side tells.
exec::program_thread*& inside_of(void** saved) noexcept { return *reinterpret_cast<exec::program_thread**>(saved); }

}  // namespace

bool may_wait() noexcept { return exec::this_program_thread() != nullptr; }

[[gnu::noinline]] entry::entry() noexcept {
  exec::program_thread* self = exec::this_program_thread();
  inside_of(saved_) = self;
  exec::to_runtime_side(*self);
}

[[gnu::noinline]] entry::~entry() { exec::to_program_side(*inside_of(saved_)); }

// pthread_cancel() and signals end waits as cancellation does. A call that was interrupted is not restarted, whatever the handler wants.
std::int64_t result_after_leaving(std::int64_t result) {
  const exec::program_thread* self = exec::this_program_thread();
  if (result != -ECANCELED || self == nullptr) return result;
  exec::on_runtime_side([&]() noexcept { self->waits.renew(); });
  static_cast<void>(exec::answer_interruption());
  return -EINTR;
}

}  // namespace weft::io::hooks
