// OpenSSL's queue of errors belongs to the thread. A fiber that parks inside OpenSSL, as for one of its locks, must not find there what another has
// left meanwhile: SSL_get_error() would take it for the reason of a call that only has to be made again. So the queue goes with the fiber.
#pragma once

#include <atomic>
#include <memory>

namespace weft::io::hooks {

// What stood in the calling thread's queue; nothing where the program does not have OpenSSL (3.0 or later).
class openssl_errors {
 public:
  // Empties the queue. It is nearly always empty already, and then this costs a call.
  void take() noexcept;
  // Throws away what is there now, and puts back what was taken.
  void put_back() noexcept;

  // While a function of pthread_once() runs, which may be the one that sets OpenSSL up, nothing is asked of OpenSSL on threads that do not have
  // their queue yet: it would set itself up first, and wait for that function.
  class pause {
   public:
    pause() noexcept { pauses_.fetch_add(1, std::memory_order_seq_cst); }
    ~pause() { pauses_.fetch_sub(1, std::memory_order_seq_cst); }
    pause(const pause&) = delete;
    pause& operator=(const pause&) = delete;
  };

 private:
  static bool has_queue() noexcept;
  static unsigned long first() noexcept;

  static inline std::atomic<int> pauses_{0};

  struct list;
  struct free_list {
    void operator()(list* errors) const noexcept;
  };
  std::unique_ptr<list, free_list> errors_;
};

}  // namespace weft::io::hooks
