// Work for which a fiber's stack is too small, or a signal handler the wrong place.
#pragma once

#include <exception>
#include <thread>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/observe/own_thread.hpp>

namespace weft::detail {

// Runs f on a thread made for it and blocks the calling thread, a worker perhaps, until f is done. Rethrows what f throws;
// std::system_error if there can be no thread.
template <class F>
void on_fresh_thread(F&& f) {
  std::exception_ptr error;
  worker* here = this_worker();  // nullptr elsewhere
  if (here != nullptr) here->announce_block(true);
  std::thread([&] {
    const own_thread counted;
    try {
      f();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (here != nullptr) here->announce_block(false);
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace weft::detail
