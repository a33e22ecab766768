#include <weft/io/epoll/watched.hpp>

#include <weft/io/epoll/attempt.hpp>

namespace weft::io::epoll {

namespace {
constexpr std::uint64_t levels_bit = std::uint64_t{1} << 63;
constexpr std::uint32_t generations = 0x3FFFFFFF;  // a tag is never epoll_set::wake_tag
constexpr unsigned descriptor_bits = 32;
}  // namespace

void watched::append(detail::operation& op) noexcept {
  op.next = nullptr;
  op.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &op;
  last_ = &op;
}

void watched::remove(detail::operation& op) noexcept {
  (op.previous != nullptr ? op.previous->next : first_) = op.next;
  (op.next != nullptr ? op.next->previous : last_) = op.previous;
}

std::uint32_t watched::wanted() const noexcept {
  std::uint32_t events = 0;
  for (const detail::operation* op = first_; op != nullptr; op = op->next) events |= events_for(*op);
  return events;
}

std::uint64_t watched::tag(int fd) const noexcept {
  const std::uint64_t how = reported == report::levels ? levels_bit : 0;
  return how | std::uint64_t{generation_} << descriptor_bits | static_cast<std::uint32_t>(fd);
}

int watched::descriptor_of(std::uint64_t tag) noexcept { return static_cast<int>(static_cast<std::uint32_t>(tag)); }

bool watched::is_of_levels(std::uint64_t tag) noexcept { return (tag & levels_bit) != 0; }

void watched::become(std::uint64_t id, report how) noexcept {
  identity = id;
  interest = 0;
  reported = how;
  is_nonblocking = false;
  generation_ = (generation_ + 1) & generations;
}

}  // namespace weft::io::epoll
