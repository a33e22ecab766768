// Ctrl-C and `kill`: the first SIGINT or SIGTERM asks the program to end, the second one ends it; SIGQUIT shows what every fiber does.
//
// The signals are blocked in every thread and taken by one small thread of this class, so that what they start runs as
// ordinary code: there is no signal handler.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include <weft/wasm/cli/descriptor.hpp>

namespace weft::cli {

class signal_watch {
 public:
  // Blocks the signals in the calling thread and, by inheritance, in those that it starts from now on: make it before the
  // runtime. A SIGINT or SIGTERM that the parent process had ignored (nohup, a background job) stays ignored. Throws
  // std::system_error.
  signal_watch();
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  // The first signal that came, 0 while none has. Any thread.
  [[nodiscard]] int received() const noexcept { return received_.load(std::memory_order_acquire); }

  // While it lives, the first signal calls `action` on the watching thread; at once if it has come already.
  class handler {
   public:
    handler(signal_watch& watch, std::function<void()> action);
    ~handler();
    handler(const handler&) = delete;
    handler& operator=(const handler&) = delete;

   private:
    signal_watch& watch_;
  };

 private:
  void watch();
  void take(int signal);
  void take_quit();
  void write_dumps();

  owned_descriptor signals_;
  owned_descriptor stop_;
  std::atomic<int> received_{0};
  std::mutex mutex_;  // guards action_, and that it does not run once its handler is gone
  std::function<void()> action_;
  std::thread thread_;
  std::atomic<unsigned> dumps_wanted_{0};
  std::thread dumper_;  // on its own: a dump takes long, and stderr may be a pipe that nobody reads
};

}  // namespace weft::cli
