// Signals as something that a fiber waits for.
//
//   weft::services().spawn([] {
//     weft::signal_set hangup{SIGHUP};
//     for (;;) {
//       hangup.wait();
//       reload();
//     }
//   });
//
// For the signals that end a program there is options::end_on_signals.
#pragma once

#include <array>
#include <initializer_list>

#include <weft/scheduler/detail/signal_hub.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/spin_lock.hpp>

namespace weft {

// Takes the given signals of the process over from construction to destruction; then they do again what they did before. What comes
// between two waits is kept, as often as it came; of several sets for one signal each sees it. A signal that the process ignores stays
// ignored. The handler does nothing but count: what wakes the fiber is an ordinary thread of weft's. Any thread makes one, one fiber at a
// time waits. Costs one thread for all sets of the process.
class signal_set : detail::signal_listener {
 public:
  // Throws std::invalid_argument for faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL), std::system_error for signals that cannot be handled.
  signal_set(std::initializer_list<int> numbers);
  ~signal_set() override;

  // Parks until one of the signals comes, or has come; returns its number, the lowest of several. A cancellation point. Throws
  // std::logic_error outside a fiber and while another fiber waits.
  int wait();

 private:
  void arrived(int number) noexcept override;
  int take() noexcept;

  class turn;

  spin_lock lock_;
  bool awaited_ = false;  // somebody is in wait()
  ticket waiting_;
  std::array<unsigned, 65> pending_{};
};

}  // namespace weft
