#include <weft/wasm/exchange/functions.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include <weft/scheduler/park.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/selector.hpp>
#include <weft/wasm/exchange/state.hpp>

namespace weft::wasm::exchange {

namespace {

using wasi::call;
using wasi::errc;
using wasi::failure;
using wasi::outcome;
using wasi::pointer;
using wasi::size;
using steady = std::chrono::steady_clock;

// Nanoseconds: 0 does not wait, a negative number waits for ever.
using timeout = std::int64_t;

constexpr std::size_t most_buffered = 65'536;
constexpr size most_cases = 1024;
constexpr std::uint64_t longest_name = 256;
constexpr std::uint64_t longest_arguments = std::uint64_t{1} << 20;

steady::time_point limit_of(timeout t) {
  return t < 0 ? steady::time_point::max() : parker::from_now(std::chrono::nanoseconds(t));
}

std::string_view name_at(const call& c, pointer at, size length) {
  if (length > longest_name) throw failure{errc::nametoolong};
  return c.memory.text(at, length);
}

// ---- channels

outcome channel_open(call& c, pointer name, size length, pointer out) {
  c.memory.store(out, c.guest.talk().find(name_at(c, name, length)));
  return errc::success;
}

outcome channel_create(call& c, std::uint32_t capacity, pointer out_sender, pointer out_receiver) {
  if (capacity > most_buffered) return errc::inval;
  static_cast<void>(c.memory.bytes(out_sender, sizeof(handle)));
  static_cast<void>(c.memory.bytes(out_receiver, sizeof(handle)));
  auto [to, from] = make_channel<message>(capacity);
  state& own = c.guest.talk();
  const handle sending = own.insert(sending_end{std::move(to)});
  try {
    c.memory.store(out_receiver, own.insert(receiving_end{.from = std::move(from)}));
  } catch (const failure&) {
    own.close(sending);
    throw;
  }
  c.memory.store(out_sender, sending);
  return errc::success;
}

errc status_of(send_status status) noexcept {
  switch (status) {
    case send_status::sent:
      return errc::success;
    case send_status::closed:
      return errc::pipe;
    case send_status::full:
      return errc::again;
    case send_status::timed_out:
      break;
  }
  return errc::timedout;
}

outcome channel_send(call& c, handle channel, pointer data, size length, timeout t) {
  state& own = c.guest.talk();
  sending_end& end = own.sender_at(channel);
  send_result<message> sent = end.to.try_send(own.make_message(c.memory.bytes(data, length)));
  if (t == 0 || sent.status() != send_status::full) return status_of(sent.status());
  return c.wait([&end, t, unsent = std::make_shared<message>(std::move(sent).rejected())] {
    return status_of(end.to.send_until(std::move(*unsent), limit_of(t)).status());
  });
}

// Hands the announced message over, or tells how long it is if the buffer is too small.
errc fetch(receiving_end& end, const wasi::guest_memory& memory, pointer buffer, size capacity, pointer out_length) {
  const std::span<const std::byte> content = end.announced->bytes();
  memory.store(out_length, static_cast<size>(content.size()));
  if (content.size() > capacity) return errc::overflow;
  const std::span<std::byte> to = memory.bytes(buffer, content.size());
  if (!content.empty()) std::memcpy(to.data(), content.data(), content.size());
  end.announced.reset();
  return errc::success;
}

outcome channel_receive(call& c, handle channel, pointer buffer, size capacity, pointer out_length, timeout t) {
  receiving_end& end = c.guest.talk().receiver_at(channel);
  // Before a message is taken, so that a bad pointer costs none.
  static_cast<void>(c.memory.bytes(buffer, capacity));
  static_cast<void>(c.memory.bytes(out_length, sizeof(size)));
  if (!end.announced) end.announced = end.from.try_receive();
  if (end.announced) return fetch(end, c.memory, buffer, capacity, out_length);
  if (end.from.is_drained()) return errc::pipe;
  if (t == 0) return errc::again;
  return c.wait([&end, memory = c.memory, buffer, capacity, out_length, t]() -> outcome {
    end.announced = end.from.receive_until(limit_of(t));
    if (end.announced) return fetch(end, memory, buffer, capacity, out_length);
    return end.from.is_drained() ? errc::pipe : errc::timedout;
  });
}

outcome close(call& c, handle h) {
  c.guest.talk().close(h);
  return errc::success;
}

// ---- waiting

enum class case_kind : std::uint32_t { receive = 0, send = 1, child_end = 2 };

// As it lies in the guest's memory.
struct wanted_case {
  handle subject;
  case_kind kind;
  pointer data;  // of a send
  size length;
};
static_assert(sizeof(wanted_case) == 16);

struct chosen_case {
  std::optional<size> index;
  errc status = errc::success;
};

// Adds a case that was checked already; when it is done it writes itself down.
void add_case(selector& s, state& own, const wanted_case& wish, size index, const wasi::guest_memory& memory,
              chosen_case& chosen) {
  const auto done = [&chosen, index](errc status) { chosen = {index, status}; };
  if (wish.kind == case_kind::receive) {
    receiving_end& end = own.receiver_at(wish.subject);
    s.add(end.from, [&end, done](std::optional<message> received) {
      end.announced = std::move(received);
      done(end.announced ? errc::success : errc::pipe);
    });
  } else if (wish.kind == case_kind::send) {
    s.add(own.sender_at(wish.subject).to, own.make_message(memory.bytes(wish.data, wish.length)),
          [done](bool sent) { done(sent ? errc::success : errc::pipe); });
  } else {
    s.add(own.child_at(wish.subject).ending.done(), [done] { done(errc::success); });
  }
}

// A message or an end that is there already.
bool is_ready(state& own, const wanted_case& wish) {
  switch (wish.kind) {
    case case_kind::receive:
      return own.receiver_at(wish.subject).announced.has_value();
    case case_kind::send:
      static_cast<void>(own.sender_at(wish.subject));
      return false;
    case case_kind::child_end:
      return own.child_at(wish.subject).ended;
  }
  throw failure{errc::inval};
}

outcome select(call& c, pointer cases, size count, timeout t, pointer out_index) {
  if (count == 0 || count > most_cases) return errc::inval;
  state& own = c.guest.talk();
  static_cast<void>(c.memory.bytes(out_index, sizeof(size)));
  std::vector<wanted_case> wishes(count);
  std::memcpy(wishes.data(), c.memory.bytes(cases, count * sizeof(wanted_case)).data(), count * sizeof(wanted_case));
  for (size i = 0; i < count; ++i) {
    if (!is_ready(own, wishes[i])) continue;
    c.memory.store(out_index, i);
    return errc::success;
  }
  return c.wait([&own, memory = c.memory, wishes = std::move(wishes), t, out_index]() -> outcome {
    chosen_case chosen;
    selector s;
    for (size i = 0; i < wishes.size(); ++i) add_case(s, own, wishes[i], i, memory, chosen);
    static_cast<void>(s.wait_until(limit_of(t)));
    if (!chosen.index) return t == 0 ? errc::again : errc::timedout;
    memory.store(out_index, *chosen.index);
    return chosen.status;
  });
}

outcome sleep(call& c, std::int64_t nanoseconds) {
  return c.wait([nanoseconds] {
    sleep_for(std::chrono::nanoseconds(nanoseconds));
    return errc::success;
  });
}

// ---- children

// Texts, each with a null byte at its end.
std::vector<std::string> texts_at(const call& c, pointer at, size length) {
  if (length > longest_arguments) throw failure{errc::toobig};
  std::string_view all = c.memory.text(at, length);
  std::vector<std::string> texts;
  while (!all.empty()) {
    const std::size_t end = all.find('\0');
    if (end == std::string_view::npos) throw failure{errc::inval};
    texts.emplace_back(all.substr(0, end));
    all.remove_prefix(end + 1);
  }
  return texts;
}

std::vector<granted_channel> channels_at(const call& c, pointer at, size count) {
  if (count > most_handles) throw failure{errc::toobig};
  std::vector<granted_channel> channels;
  for (size i = 0; i < count; ++i) {
    channels.push_back(c.guest.talk().copy_of(c.memory.load<handle>(wasi::element(at, i, sizeof(handle)))));
  }
  return channels;
}

outcome spawn(call& c, pointer name, size name_length, pointer arguments, size arguments_length, pointer channels,
              size channel_count, pointer out) {
  static_cast<void>(c.memory.bytes(out, sizeof(handle)));
  return c.wait([&guest = c.guest, memory = c.memory, program = std::string(name_at(c, name, name_length)),
                 given = texts_at(c, arguments, arguments_length), ends = channels_at(c, channels, channel_count),
                 out]() mutable -> outcome {
    memory.store(out, guest.talk().spawn(program, std::move(given), std::move(ends)));
    return errc::success;
  });
}

std::optional<int> exit_code_of(child& c) {
  try {
    return c.ending.get();
  } catch (...) {
    check_cancelled();  // the failure is the group's to report, and has cancelled this fiber
    throw;
  }
}

outcome child_wait(call& c, handle h, pointer out_code, timeout t) {
  child& waited_for = c.guest.talk().child_at(h);
  static_cast<void>(c.memory.bytes(out_code, sizeof(std::int32_t)));
  return c.wait([&waited_for, memory = c.memory, out_code, t]() -> outcome {
    if (!waited_for.ended) {
      if (t < 0) {
        waited_for.ending.wait();
      } else if (!waited_for.ending.wait_for(std::chrono::nanoseconds(t))) {
        return t == 0 ? errc::again : errc::timedout;
      }
      waited_for.exit_code = exit_code_of(waited_for);
      waited_for.ended = true;
    }
    if (!waited_for.exit_code) return errc::canceled;
    memory.store(out_code, *waited_for.exit_code);
    return errc::success;
  });
}

outcome child_cancel(call& c, handle h) {
  c.guest.talk().child_at(h).stop->stop();
  return errc::success;
}

constexpr std::array all = {
    wasi::at_once<&channel_open>("channel_open"),
    wasi::at_once<&channel_create>("channel_create"),
    wasi::may_wait<&channel_send>("channel_send"),
    wasi::may_wait<&channel_receive>("channel_receive"),
    wasi::at_once<&close>("close"),
    wasi::may_wait<&select>("select"),
    wasi::may_wait<&sleep>("sleep"),
    wasi::may_wait<&spawn>("spawn"),
    wasi::may_wait<&child_wait>("child_wait"),
    wasi::at_once<&child_cancel>("child_cancel"),
};

}  // namespace

std::span<const wasi::definition> functions() noexcept { return all; }

}  // namespace weft::wasm::exchange
