// OpenSSL's queue of errors belongs to the thread. A fiber that parks inside OpenSSL, as for one of its locks, must not find there what another has
// left meanwhile: SSL_get_error() would take it for the reason of a call that only has to be made again. So the queue goes with the fiber.
#pragma once

#include <memory>

namespace weft::io::hooks {

// What stood in the calling thread's queue; nothing where the program does not have OpenSSL (3.0 or later).
class openssl_errors {
 public:
  // Empties the queue. It is nearly always empty already, and then this costs a call.
  void take() noexcept;
  // Throws away what is there now, and puts back what was taken.
  void put_back() noexcept;

 private:
  struct list;
  struct free_list {
    void operator()(list* errors) const noexcept;
  };
  std::unique_ptr<list, free_list> errors_;
};

}  // namespace weft::io::hooks
