#include <weft/wasm/exchange/state.hpp>

#include <algorithm>
#include <utility>

#include <weft/wasm/guest.hpp>
#include <weft/wasm/wasi/memory.hpp>

namespace weft::wasm::exchange {

namespace {

using wasi::errc;
using wasi::failure;

bool is_running(const child& c) { return c.ending.valid() && !c.ended && !c.ending.done(); }

}  // namespace

state::state(const guest_options& options) : options_(options) {
  for (const granted_channel& granted : options.channels) {
    if (const auto* to = std::get_if<message_sender>(&granted.end)) {
      slots_.emplace_back(sending_end{*to});
    } else {
      slots_.emplace_back(receiving_end{std::get<message_receiver>(granted.end)});
    }
  }
}

state::slot& state::used_slot(handle h) {
  if (h >= slots_.size() || std::holds_alternative<std::monostate>(slots_[h])) throw failure{errc::badf};
  return slots_[h];
}

sending_end& state::sender_at(handle h) {
  if (auto* end = std::get_if<sending_end>(&used_slot(h))) return *end;
  throw failure{errc::notcapable};
}

receiving_end& state::receiver_at(handle h) {
  if (auto* end = std::get_if<receiving_end>(&used_slot(h))) return *end;
  throw failure{errc::notcapable};
}

child& state::child_at(handle h) {
  if (auto* c = std::get_if<child>(&used_slot(h))) return *c;
  throw failure{errc::notcapable};
}

handle state::find(std::string_view name) const {
  const auto found = std::find_if(options_.channels.begin(), options_.channels.end(),
                                  [name](const granted_channel& granted) { return granted.name == name; });
  if (found == options_.channels.end()) throw failure{errc::noent};
  return static_cast<handle>(found - options_.channels.begin());
}

handle state::place(slot s) {
  const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(options_.channels.size());
  auto free = std::find_if(first, slots_.end(), [](const slot& known) { return known.index() == 0; });
  if (free == slots_.end()) {
    if (slots_.size() >= most_handles + options_.channels.size()) throw failure{errc::mfile};
    free = slots_.emplace(slots_.end());
  }
  *free = std::move(s);
  return static_cast<handle>(free - slots_.begin());
}

// A child that runs keeps its number, by which it is counted.
void state::close(handle h) {
  slot& s = used_slot(h);
  if (const auto* c = std::get_if<child>(&s); c != nullptr && is_running(*c)) throw failure{errc::busy};
  s.emplace<std::monostate>();
}

granted_channel state::copy_of(handle h) const {
  const slot& s = const_cast<state*>(this)->used_slot(h);
  if (const auto* to = std::get_if<sending_end>(&s)) return {"", to->to};
  if (const auto* from = std::get_if<receiving_end>(&s)) return {"", from->from};
  throw failure{errc::notcapable};
}

message state::make_message(std::span<const std::byte> bytes) {
  if (bytes.size() > longest_message) throw failure{errc::msgsize};
  if (!account_) account_ = std::make_shared<detail::message_account>(options_.unreceived_bytes);
  if (!account_->charge(bytes.size())) throw failure{errc::nobufs};
  return {bytes, account_};
}

unsigned state::running(std::size_t program) {
  unsigned count = 0;
  for (slot& s : slots_) {
    const auto* c = std::get_if<child>(&s);
    if (c != nullptr && c->program == program && is_running(*c)) ++count;
  }
  return count;
}

handle state::spawn(std::string_view name, std::vector<std::string> arguments, std::vector<granted_channel> channels) {
  const auto found = std::find_if(options_.children.begin(), options_.children.end(),
                                  [name](const child_program& program) { return program.name == name; });
  if (found == options_.children.end()) throw failure{errc::noent};
  if (children_ == nullptr) throw failure{errc::notsup};
  const auto program = static_cast<std::size_t>(found - options_.children.begin());
  if (running(program) >= found->most) throw failure{errc::again};
  guest_options given = found->options;
  given.arguments = std::move(arguments);
  given.channels.insert(given.channels.begin(), std::make_move_iterator(channels.begin()),
                        std::make_move_iterator(channels.end()));
  guest started(found->program, std::move(given));
  auto stop = std::make_shared<stop_switch>();
  const handle h = place(child{.program = program, .stop = stop});
  child_at(h).ending =
      children_->spawn([started = std::move(started), stop = std::move(stop)]() mutable -> std::optional<int> {
        std::optional<int> exit_code;
        return stop->run([&] { exit_code = started.run(); }) ? exit_code : std::nullopt;
      });
  return h;
}

}  // namespace weft::wasm::exchange
