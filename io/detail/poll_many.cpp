#include <weft/io/detail/poll_many.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>

#include <weft/io/detail/system_calls.hpp>
#include <weft/scheduler/testing.hpp>
#include <weft/scheduler/this_fiber.hpp>

namespace weft::io::detail {

namespace {

using namespace std::chrono_literals;

// On an ordinary thread.
std::int64_t poll_on_thread(std::span<pollfd> descriptors, time_point limit) noexcept {
  for (;;) {
    const auto left = std::max<std::chrono::nanoseconds>(limit - time_point::clock::now(), 0ns);
    const std::int64_t result = poll_blocking(descriptors, limit == time_point::max() ? -1ns : left);
    if (result != -EINTR) return result;
  }
}

// Several operations that share one wait: the first to finish ends it, the others are cancelled then.
class joint_wait {
 public:
  explicit joint_wait(std::span<const pollfd> descriptors) {
    for (const pollfd& p : descriptors) {
      if (p.fd >= 0) polls_.emplace_back(opcode::poll, p.fd).flags = static_cast<std::uint16_t>(p.events);
    }
  }

  wake until(time_point limit) {
    static constexpr wait_kind kind{"one of several descriptors"};
    parker self(kind);
    engine& on = *current_engine();
    for (operation& op : polls_) {
      op.prepare(self.id(), on);
      on.start(op);
    }
    const wake why = self.park_until(limit, [] {});
    for (operation& op : polls_) on.request_cancel(op);
    for (operation& op : polls_) await_finished(op);
    return why;
  }

 private:
  std::deque<operation> polls_;
};

}  // namespace

// The operating system's own poll has the last word on what is ready: somebody else may have been quicker.
std::int64_t poll_many(std::span<pollfd> descriptors, time_point limit) {
  engine* e = begin_call();
  if (e == nullptr) return poll_on_thread(descriptors, limit);
  for (;;) {
    const std::int64_t ready = poll_blocking(descriptors, 0ns);
    if (ready != 0) {
      current_engine()->count_inline();
      return ready;
    }
    if (limit <= testing::now()) {
      yield();
      return 0;
    }
    if (joint_wait(descriptors).until(limit) == wake::cancelled) throw_cancelled();
  }
}

}  // namespace weft::io::detail
