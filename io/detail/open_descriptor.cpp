#include <weft/io/detail/open_descriptor.hpp>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/system_calls.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

// ---------------------------------------------------------------------------------------------------- open_descriptor

std::string open_descriptor::describe() const { return name_.empty() ? describe_(fd_) : name_; }

bool open_descriptor::add(operation& op) noexcept {
  const std::lock_guard guard(mutex_);
  if (closing()) return false;
  op.previous_user = nullptr;
  op.next_user = first_user_;
  if (first_user_ != nullptr) first_user_->previous_user = &op;
  first_user_ = &op;
  return true;
}

void open_descriptor::remove(operation& op) noexcept {
  const std::lock_guard guard(mutex_);
  (op.previous_user != nullptr ? op.previous_user->next_user : first_user_) = op.next_user;
  if (op.next_user != nullptr) op.next_user->previous_user = op.previous_user;
}

// No use begins once it is closing, so the number of uses comes to zero once.
bool open_descriptor::enter() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  do {
    if ((word & closing_bit) != 0) return false;
  } while (!word_.compare_exchange_weak(word, word + one_use, std::memory_order_acquire, std::memory_order_relaxed));
  return true;
}

void open_descriptor::leave() noexcept {
  const int fd = fd_;
  const std::uint64_t left = word_.fetch_sub(one_use, std::memory_order_acq_rel) - one_use;
  if (left >= one_use || (left & closing_bit) == 0) return;
  if ((left & awaited_bit) != 0) {
    const ticket closer = closer_;
    closer.signal();
    return;
  }
  close_now(fd);
  if ((left & owned_bit) == 0) delete this;
}

// Marks it closing and cancels those who wait on it; returns what the word was. The list cannot change meanwhile, and what is
// on it cannot end, because leaving the list takes the lock.
std::uint64_t open_descriptor::begin_closing(ticket closer) noexcept {
  const std::lock_guard guard(mutex_);
  if (closing()) return word_.load(std::memory_order_relaxed);
  closer_ = closer;
  const std::uint64_t mark = closing_bit | (closer ? awaited_bit : 0);
  const std::uint64_t before = word_.fetch_or(mark, std::memory_order_acq_rel);
  for (operation* op = first_user_; op != nullptr; op = op->next_user) op->owner->request_cancel(*op);
  return before;
}

// Returns what close(2) does: a negative errno or zero; zero, too, if somebody else has closed it.
int open_descriptor::close_waiting() {
  if (!in_fiber()) {
    const std::uint64_t before = begin_closing({});
    return (before & closing_bit) == 0 && before < one_use ? close_now(fd_) : 0;
  }
  static constexpr wait_kind kind{.name = "the last use of descriptor", .number_at = offsetof(open_descriptor, fd_)};
  parker self(kind, this, parker::cancellation::ignored);
  const std::uint64_t before = begin_closing(self.id());
  if ((before & closing_bit) != 0) return 0;
  if (before >= one_use) self.park();
  return close_now(fd_);
}

// The handle goes. With uses left it is the last of them that closes and deletes.
void open_descriptor::abandon() noexcept {
  const std::uint64_t before = begin_closing({});
  if ((before & closing_bit) == 0 && before < one_use) close_now(fd_);
  if (word_.fetch_and(~owned_bit, std::memory_order_acq_rel) < one_use) delete this;
}

// ---------------------------------------------------------------------------------------------------- descriptor_handle

descriptor_handle::descriptor_handle(int fd, describe_function describe, std::string name) {
  try {
    open_ = new open_descriptor(fd, describe, std::move(name));
  } catch (...) {
    close_now(fd);
    throw;
  }
}

descriptor_handle& descriptor_handle::operator=(descriptor_handle&& other) noexcept {
  if (this != &other) {
    reset();
    open_ = std::exchange(other.open_, nullptr);
  }
  return *this;
}

void descriptor_handle::reset() noexcept {
  if (open_ != nullptr) std::exchange(open_, nullptr)->abandon();
}

void descriptor_handle::close() {
  if (open_ == nullptr) return;
  const int result = open_->close_waiting();
  if (result < 0) throw std::system_error(-result, std::generic_category(), "weft::io: closing " + open_->name());
}

// ---------------------------------------------------------------------------------------------------- descriptor_use

descriptor_use::descriptor_use(const descriptor_handle& handle, const char* action)
    : open_(handle.open_), action_(action) {
  if (open_ != nullptr && open_->enter()) [[likely]]
    return;
  const std::string what =
      open_ == nullptr ? "an object that holds no descriptor (moved from?)" : "a closed descriptor";
  throw std::system_error(EBADF, std::generic_category(), std::string("weft::io: cannot ") + action + " " + what);
}

descriptor_use::descriptor_use(const descriptor_handle& handle, std::error_code& error) noexcept : open_(handle.open_) {
  if (open_ != nullptr && open_->enter()) [[likely]]
    return;
  open_ = nullptr;
  error.assign(EBADF, std::generic_category());
}

void descriptor_use::fail(int error) const {
  const std::string what = std::string("weft::io: cannot ") + action_ + " " + open_->describe();
  if (error == ECANCELED && open_->closing()) {
    throw std::system_error(error, std::generic_category(), what + ": it was closed by another fiber while in use");
  }
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace weft::io::detail
