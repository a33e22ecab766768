// Calls of the C library's that nothing cuts short, on a helper thread. A fiber that is cancelled leaves its call behind.
#pragma once

#include <cerrno>
#include <cstdint>
#include <utility>

#include <weft/io/hooks/detail/entry.hpp>
#include <weft/io/hooks/detail/wait.hpp>
#include <weft/scheduler/detachable_call.hpp>

namespace weft::io::hooks {

// Makes a Call of the arguments and has it run: 0 when it has returned, and `call` holds its results; a negative errno if it never ran or goes on
// alone. A signal that only interrupts the wait, as it does where threads of programs are fibers, does not end it.
template <class Call, class... A>
std::int64_t run_detached(detached<Call>& call, const A&... arguments) {
  std::int64_t result = 0;
  do {
    result = inside([&]() -> std::int64_t {
      if (call == nullptr) {
        detached<Call> made(new Call(arguments...));
        made->start();
        call = std::move(made);
      }
      call->wait();
      return 0;
    });
    if (result < 0) result = result_after_leaving(result);
  } while (result == -EINTR);
  return result;
}

}  // namespace weft::io::hooks
