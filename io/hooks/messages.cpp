// POSIX message queues. On Linux a queue is a descriptor that tells when it is ready; a time limit in the past makes an attempt that cannot wait.
#include <mqueue.h>
#include <time.h>

#include <cerrno>

#include <weft/io/hooks/detail/descriptor_call.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::mq_receive), "mq_receive"> real_receive;
constexpr real_function<decltype(::mq_timedreceive), "mq_timedreceive"> real_timedreceive;
constexpr real_function<decltype(::mq_send), "mq_send"> real_send;
constexpr real_function<decltype(::mq_timedsend), "mq_timedsend"> real_timedsend;

constexpr timespec long_ago{};

[[gnu::noinline]] std::int64_t outcome(std::int64_t result) noexcept { return result >= 0 ? result : negative_errno(); }

// attempt() fails with ETIMEDOUT where it would have to wait, with EAGAIN where the queue is set to O_NONBLOCK.
template <class Attempt>
std::int64_t retry_until(mqd_t queue, short event, time_point limit, Attempt attempt) noexcept {
  give_way_now_and_then();
  descriptor_wait wait(queue, event, limit);
  for (;;) {
    std::int64_t result = -EINTR;
    while (result == -EINTR) result = attempt();
    if (result != -ETIMEDOUT) return result;
    const std::int64_t failed = wait.again();
    if (failed != 0) return failed == -EAGAIN && limit != time_point::max() ? -ETIMEDOUT : failed;
  }
}

ssize_t receive_until(mqd_t queue, char* message, size_t size, unsigned* priority, time_point limit) {
  return leave_with(retry_until(queue, POLLIN, limit, [=]() noexcept {
    return outcome(real_timedreceive(queue, message, size, priority, &long_ago));
  }));
}

int send_until(mqd_t queue, const char* message, size_t size, unsigned priority, time_point limit) {
  return static_cast<int>(leave_with(retry_until(queue, POLLOUT, limit, [=]() noexcept {
    return outcome(real_timedsend(queue, message, size, priority, &long_ago));
  })));
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

ssize_t mq_receive(mqd_t queue, char* message, size_t size, unsigned* priority) {
  if (!may_wait()) return real_receive(queue, message, size, priority);
  return receive_until(queue, message, size, priority, time_point::max());
}

ssize_t mq_timedreceive(mqd_t queue, char* message, size_t size, unsigned* priority, const timespec* when) {
  if (!may_wait() || !has_valid_nanoseconds(*when)) return real_timedreceive(queue, message, size, priority, when);
  return receive_until(queue, message, size, priority, limit_at(CLOCK_REALTIME, *when));
}

int mq_send(mqd_t queue, const char* message, size_t size, unsigned priority) {
  if (!may_wait()) return real_send(queue, message, size, priority);
  return send_until(queue, message, size, priority, time_point::max());
}

int mq_timedsend(mqd_t queue, const char* message, size_t size, unsigned priority, const timespec* when) {
  if (!may_wait() || !has_valid_nanoseconds(*when)) return real_timedsend(queue, message, size, priority, when);
  return send_until(queue, message, size, priority, limit_at(CLOCK_REALTIME, *when));
}

}  // extern "C"
