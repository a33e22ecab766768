// flockfile(): who holds a stream's lock may wait for something else meanwhile, so who wants it must not block its worker.
#include <cstdio>

#include <climits>

#include <weft/io/exec/parking_lot.hpp>
#include <weft/io/exec/program_thread.hpp>
#include <weft/io/exec/real.hpp>

namespace weft::exec {

namespace {

constexpr real_function<decltype(::flockfile), "flockfile"> real_flockfile;
constexpr real_function<decltype(::ftrylockfile), "ftrylockfile"> real_ftrylockfile;
constexpr real_function<decltype(::funlockfile), "funlockfile"> real_funlockfile;

void lock_in_lot(FILE* f) noexcept {
  while (real_ftrylockfile(f) != 0) {
    lot_waiter waiter(f);
    if (real_ftrylockfile(f) == 0) {
      if (waiter.withdraw()) wake_waiters(f, 1);
      return;
    }
    static_cast<void>(waiter.sleep(no_limit, false));
  }
}

}  // namespace

}  // namespace weft::exec

using namespace weft::exec;

#pragma GCC visibility push(default)
extern "C" {

void flockfile(FILE* f) noexcept { this_program_thread() != nullptr ? lock_in_lot(f) : real_flockfile(f); }

void funlockfile(FILE* f) noexcept {
  real_funlockfile(f);
  if (somebody_waits(f)) wake_waiters(f, 1);
}

}  // extern "C"
#pragma GCC visibility pop
