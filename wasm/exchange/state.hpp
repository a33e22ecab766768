// What a guest has of the module "weft": ends of channels and children, by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <weft/scheduler/group.hpp>
#include <weft/wasm/exchange/stop_switch.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/message.hpp>
#include <weft/wasm/wasi/types.hpp>

namespace weft::wasm::exchange {

using handle = std::uint32_t;

// Channel ends and children that a guest may have at once.
inline constexpr std::size_t most_handles = 4096;
// Bytes of one message of a guest's.
inline constexpr std::uint64_t longest_message = std::uint64_t{16} << 20;

struct sending_end {
  message_sender to;
};

struct receiving_end {
  message_receiver from;
  std::optional<message> announced = {};  // taken from the channel, but not fetched by the guest yet
};

struct child {
  std::size_t program;  // of the guest's child_programs
  std::shared_ptr<stop_switch> stop = {};
  task<std::optional<int>> ending = {};  // without a value if it was stopped
  bool ended = false;                    // and what it has given is the next
  std::optional<int> exit_code = {};
};

// Used by the fiber that runs the guest. Lookups throw wasi::failure: badf for a number that is not in use, notcapable for
// one of another kind.
class state {
 public:
  // The options must outlive it.
  explicit state(const guest_options& options);

  [[nodiscard]] sending_end& sender_at(handle h);
  [[nodiscard]] receiving_end& receiver_at(handle h);
  [[nodiscard]] child& child_at(handle h);

  // A granted channel by its name; throws failure{noent}.
  [[nodiscard]] handle find(std::string_view name) const;
  // Throws failure{mfile} if there are too many.
  handle insert(sending_end end) { return place(std::move(end)); }
  handle insert(receiving_end end) { return place(std::move(end)); }
  void close(handle h);

  // An end as it is handed on to a child.
  [[nodiscard]] granted_channel copy_of(handle h) const;

  // Charges the bytes, and makes a message of them; throws failure{msgsize}, failure{nobufs}.
  [[nodiscard]] message make_message(std::span<const std::byte> bytes);

  // Starts a child in the group of the call under way. Throws failure: noent for a name that was not granted, again if
  // there are as many as there may be, notsup outside of weft's fibers.
  handle spawn(std::string_view name, std::vector<std::string> arguments, std::vector<granted_channel> channels);

  [[nodiscard]] bool may_have_children() const noexcept { return !options_.children.empty(); }
  // The group of the call that begins, or null for none.
  void own_children_by(group* g) noexcept { children_ = g; }

 private:
  using slot = std::variant<std::monostate, sending_end, receiving_end, child>;

  [[nodiscard]] slot& used_slot(handle h);
  [[nodiscard]] handle place(slot s);
  [[nodiscard]] unsigned running(std::size_t program);

  const guest_options& options_;
  std::shared_ptr<detail::message_account> account_;  // from the first message on
  std::vector<slot> slots_;
  group* children_ = nullptr;
};

}  // namespace weft::wasm::exchange
