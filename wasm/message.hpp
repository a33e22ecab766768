// Messages: bytes on their way between guests and fibers, over weft's own channels.
//
//   auto [send, receive] = weft::make_channel<weft::wasm::message>(16);
//   weft::wasm::guest worker{module, {.channels = {{"jobs", receive}}}};   // guests see the module "weft" (docs/guests.md)
//   g.spawn([&] { worker.run(); });
//   send.send(weft::wasm::message("resize 640 480"));
//
// A message has one owner at a time. Bytes are copied once where they leave a guest's memory and once where they enter
// one; between fibers they are moved. That is one copy between a guest and a native fiber, and two between guests. What
// a guest has sent and nobody has received yet is counted against the guest (guest_options::unreceived_bytes), so that
// it cannot fill the host's memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <weft/sync/channel.hpp>

namespace weft::wasm {

namespace detail {

// Bytes that a guest has sent and that are still under way. Outlives the guest.
class message_account {
 public:
  explicit message_account(std::uint64_t limit) noexcept : limit_(limit) {}

  // False if they would be too many.
  [[nodiscard]] bool charge(std::uint64_t bytes) noexcept {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    discharge(bytes);
    return false;
  }
  void discharge(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace detail

// Move-only. Any thread.
class message {
 public:
  message() = default;
  explicit message(std::vector<std::byte> bytes) noexcept : bytes_(std::move(bytes)) {}
  explicit message(std::span<const std::byte> bytes) : bytes_(bytes.begin(), bytes.end()) {}
  explicit message(std::string_view text) : message(std::as_bytes(std::span(text))) {}
  message(message&&) noexcept = default;
  message& operator=(message&& other) noexcept {
    discharge();
    bytes_ = std::move(other.bytes_);
    account_ = std::move(other.account_);
    return *this;
  }
  ~message() { discharge(); }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  // The bytes as the caller's own.
  [[nodiscard]] std::vector<std::byte> release() && {
    discharge();
    return std::move(bytes_);
  }

  // A guest's: its bytes are charged to the account already. For the host's own use.
  message(std::span<const std::byte> bytes, std::shared_ptr<detail::message_account> account)
      : bytes_(bytes.begin(), bytes.end()), account_(std::move(account)) {}

 private:
  void discharge() noexcept {
    if (account_) std::exchange(account_, nullptr)->discharge(bytes_.size());
  }

  std::vector<std::byte> bytes_;
  std::shared_ptr<detail::message_account> account_;
};

using message_sender = sender<message>;
using message_receiver = receiver<message>;

// One end of a channel, under the name by which the guest asks for it.
struct granted_channel {
  std::string name;
  std::variant<message_sender, message_receiver> end;
};

}  // namespace weft::wasm
