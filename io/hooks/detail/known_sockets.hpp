// What has been found out about sockets, so that the kernel need not be asked before each wait.
//
// Two things, by descriptor: that a socket is plain (not O_NONBLOCK, no SO_RCVTIMEO), and that it was drained by the last call that received from
// it, so that the next one would look in vain. Each is a guess that saves system calls. It is forgotten when the descriptor is closed or made
// anew, and all of them whenever any descriptor is set to O_NONBLOCK or given a time limit, since descriptors share sockets: that is what the hooks of
// close(), dup2(), socket(), fcntl(), ioctl() and setsockopt() are for. What changes unseen - by a bare system call, or in another process that has
// the same socket - is not noticed; io_uring still tells by itself that a socket is O_NONBLOCK or none.
//
// Any thread; does not park. A read costs two loads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft::io::hooks {

class known_sockets {
  // The generation of all, then that of the descriptor, then the two bits.
  static constexpr std::uint64_t plain = 1;
  static constexpr std::uint64_t drained = 2;
  static constexpr std::uint64_t facts = plain | drained;
  static constexpr std::uint64_t one_use = 4;  // of the descriptor's number
  static constexpr std::uint64_t one_generation = std::uint64_t{1} << 24;
  using word = std::atomic<std::uint64_t>;

 public:
  [[nodiscard]] static bool is_plain(int fd) noexcept { return has(fd, plain); }
  [[nodiscard]] static bool is_drained(int fd) noexcept { return has(fd, drained); }

  // Before the kernel is asked; what it says is only learnt if nothing has changed since.
  class question {
   public:
    explicit question(int fd) noexcept
        : fd_(fd), generation_(generation().load(std::memory_order_seq_cst)), before_(word_of(fd).load()) {}
    void learn_plain() const noexcept { learn(fd_, generation_, before_, plain); }

   private:
    const int fd_;
    const std::uint64_t generation_;
    const std::uint64_t before_;
  };

  static void set_drained(int fd, bool is) noexcept {
    if (is_drained(fd) != is) change_drained(fd, is);
  }

  static void forget(int fd) noexcept;
  static void forget_all() noexcept { generation().fetch_add(one_generation, std::memory_order_seq_cst); }

 private:
  static constexpr std::size_t most = 65536;  // beyond, nothing is remembered

  static word& generation() noexcept { return generation_; }
  static bool is_covered(int fd) noexcept { return static_cast<unsigned>(fd) < most; }
  static word& word_of(int fd) noexcept { return words_[is_covered(fd) ? static_cast<unsigned>(fd) : most]; }
  static bool is_of(std::uint64_t w, std::uint64_t now) noexcept { return (w ^ now) < one_generation; }
  static bool has(int fd, std::uint64_t fact) noexcept {
    const std::uint64_t w = word_of(fd).load(std::memory_order_relaxed);
    return (w & fact) != 0 && is_of(w, generation().load(std::memory_order_relaxed));
  }
  static void learn(int fd, std::uint64_t now, std::uint64_t before, std::uint64_t fact) noexcept;
  static void change_drained(int fd, bool is) noexcept;

  static word generation_;
  static std::array<word, most + 1> words_;  // the last is nobody's, and stays empty
};

}  // namespace weft::io::hooks
