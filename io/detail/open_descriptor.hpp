// A descriptor that several fibers may use while one of them closes it.
//
// Closing a descriptor under a waiting operation would leave the operation alive, swallowing data, and its number free for reuse
// by somebody else. So uses are counted: closing marks the descriptor, cancels the operations that wait on it, and the last
// to leave closes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <weft/scheduler/park.hpp>

namespace weft::io::detail {

struct operation;

// Makes "TCP connection to 127.0.0.1:80" of a descriptor, for messages.
using describe_function = std::string (*)(int fd);

class open_descriptor {
 public:
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // A number that no other descriptor of the process has had, not 0.
  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  [[nodiscard]] bool closing() const noexcept { return (word_.load(std::memory_order_acquire) & closing_bit) != 0; }
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::string name() const { return name_.empty() ? "descriptor " + std::to_string(fd_) : name_; }

  // Lists an operation as one that close() must cancel; false if it is closing already. Any thread, as are all below.
  [[nodiscard]] bool add(operation& op) noexcept;
  void remove(operation& op) noexcept;

  // Whether an attempt to receive without waiting is worth its system call: a guess from the last one.
  [[nodiscard]] bool data_expected() const noexcept { return data_expected_.load(std::memory_order_relaxed); }
  void expect_data(bool expected) noexcept { data_expected_.store(expected, std::memory_order_relaxed); }

 private:
  friend class descriptor_handle;
  friend class descriptor_use;

  // word_: these bits, and above them the number of uses.
  static constexpr std::uint64_t closing_bit = 1;  // no new uses
  static constexpr std::uint64_t owned_bit = 2;    // the handle exists
  static constexpr std::uint64_t awaited_bit = 4;  // closer_ waits for the last to leave, and closes
  static constexpr std::uint64_t one_use = 8;

  open_descriptor(int fd, describe_function how, std::string name) : fd_(fd), describe_(how), name_(std::move(name)) {}

  [[nodiscard]] bool enter() noexcept;
  void leave() noexcept;
  std::uint64_t begin_closing(ticket closer) noexcept;
  int close_waiting();
  void abandon() noexcept;

  static inline std::atomic<std::uint64_t> identities_{0};

  const int fd_;
  const std::uint64_t identity_ = identities_.fetch_add(1, std::memory_order_relaxed) + 1;
  const describe_function describe_;
  const std::string name_;
  std::atomic<std::uint64_t> word_{owned_bit};
  std::atomic<bool> data_expected_{true};
  ticket closer_;     // set before awaited_bit
  std::mutex mutex_;  // guards the list; held for a few instructions, never across a wait
  operation* first_user_ = nullptr;
};

// The owner of an open descriptor; what files, sockets and pipes are made of. Movable. Moving, assigning and destroying are not
// safe against other uses of the same handle; close() is.
class descriptor_handle {
 public:
  descriptor_handle() = default;
  // Takes the descriptor over. `name`, if not empty, is used in messages instead of describe().
  descriptor_handle(int fd, describe_function describe, std::string name = {});
  ~descriptor_handle() { reset(); }
  descriptor_handle(descriptor_handle&& other) noexcept : open_(other.open_) { other.open_ = nullptr; }
  descriptor_handle& operator=(descriptor_handle&& other) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return open_ != nullptr && !open_->closing(); }
  [[nodiscard]] int fd() const noexcept { return is_open() ? open_->fd() : -1; }

  // Wakes all who wait on it (their calls throw ECANCELED), waits until they have left, closes. Does nothing if it is closed.
  // Throws std::system_error if the operating system reports an error (a file's late write error); it is closed all the same.
  // On an ordinary thread it does not wait: the last user closes.
  void close();

 private:
  friend class descriptor_use;
  void reset() noexcept;

  open_descriptor* open_ = nullptr;
};

// A use of a descriptor for the length of one call. Throws std::system_error (EBADF) if it is closed.
class descriptor_use {
 public:
  descriptor_use(const descriptor_handle& handle, const char* action);
  // The same for calls that do not throw: a closed descriptor is reported as EBADF, and then this is false and of no other use.
  descriptor_use(const descriptor_handle& handle, std::error_code& error) noexcept;
  ~descriptor_use() {
    if (open_ != nullptr) open_->leave();
  }
  descriptor_use(const descriptor_use&) = delete;
  descriptor_use& operator=(const descriptor_use&) = delete;

  explicit operator bool() const noexcept { return open_ != nullptr; }
  [[nodiscard]] int fd() const noexcept { return open_->fd(); }
  [[nodiscard]] open_descriptor* target() const noexcept { return open_; }

  // The result of a call on it: itself, or if it is negative a std::system_error: "cannot <action> <descriptor>: <why>".
  std::int64_t check(std::int64_t result) const {
    if (result < 0) [[unlikely]]
      fail(static_cast<int>(-result));
    return result;
  }
  [[noreturn]] void fail(int error) const;

 private:
  open_descriptor* open_;
  const char* action_ = nullptr;
};

}  // namespace weft::io::detail
