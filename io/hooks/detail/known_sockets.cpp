#include <weft/io/hooks/detail/known_sockets.hpp>

namespace weft::io::hooks {

constinit known_sockets::word known_sockets::generation_{one_generation};
constinit std::array<known_sockets::word, known_sockets::most + 1> known_sockets::words_{};

void known_sockets::learn(int fd, std::uint64_t now, std::uint64_t before, std::uint64_t fact) noexcept {
  if (!is_covered(fd)) return;
  const std::uint64_t kept = is_of(before, now) ? before : before & (one_generation - 1) & ~facts;
  std::uint64_t expected = before;
  word_of(fd).compare_exchange_strong(expected, (now & ~(one_generation - 1)) | kept | fact);
}

void known_sockets::change_drained(int fd, bool is) noexcept {
  const std::uint64_t now = generation().load(std::memory_order_relaxed);
  std::uint64_t before = word_of(fd).load(std::memory_order_relaxed);
  if (is) return learn(fd, now, before, drained);
  word_of(fd).compare_exchange_strong(before, before & ~drained);
}

void known_sockets::forget(int fd) noexcept {
  if (!is_covered(fd)) return;
  word& w = word_of(fd);
  std::uint64_t before = w.load(std::memory_order_relaxed);
  while (!w.compare_exchange_weak(before, (before & ~facts) + one_use)) {
  }
}

}  // namespace weft::io::hooks
