// Workers whose fibers compute and never come back to their drivers: what completes on these must reach those who wait all the same.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <weft/scheduler/driver.hpp>

#include "io_support.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using rescue_test = io_test;

// Computes on every worker until the condition holds; no call of weft's in between.
template <class Condition>
void compute_on_every_worker_until(group& g, Condition condition) {
  const auto compute = [condition] {
    while (!condition()) {
    }
  };
  for (unsigned i = 1; i < weft::test::worker_count(); ++i) g.spawn(compute);
  compute();
}

TEST_F(rescue_test, a_read_ends_while_all_workers_compute) {
  weft::test::run([] {
    auto [reader, writer] = make_pipe();
    std::atomic<int> got{0};
    std::atomic<bool> computing{false};
    constexpr int wanted = 20;
    const std::uint64_t before = operations();
    group g;
    g.spawn([&reader, &got] {
      std::byte b{};
      for (int i = 0; i < wanted; ++i) {
        EXPECT_EQ(reader.read_some({&b, 1}), 1U);
        got.fetch_add(1);
      }
    });
    yield_until([&] { return operations() > before; });
    std::thread foreign([&writer, &got, &computing] {  // writes when the last byte has arrived
      while (!computing.load()) std::this_thread::yield();
      for (int i = 0; i < wanted; ++i) {
        while (got.load() < i) std::this_thread::sleep_for(100us);
        writer.write_all("x");
      }
    });
    compute_on_every_worker_until(g, [&] {
      computing.store(true);
      return got.load() == wanted;
    });
    foreign.join();
  });
}

TEST_F(rescue_test, many_completions_at_once_reach_everybody) {
  weft::test::run([] {
    constexpr int pipes = 100;  // a ring posts 20 in one call
    std::atomic<int> got{0};
    std::vector<pipe_writer> writers;
    group g;
    const std::uint64_t before = operations();
    for (int i = 0; i < pipes; ++i) {
      auto [reader, writer] = make_pipe();
      writers.push_back(std::move(writer));
      g.spawn([&got, reader = std::move(reader)]() mutable {
        std::byte b{};
        EXPECT_EQ(reader.read_some({&b, 1}), 1U);
        got.fetch_add(1);
      });
    }
    yield_until([&] { return operations() >= before + pipes; });
    std::thread foreign([&writers] {
      for (pipe_writer& w : writers) w.write_all("x");
    });
    compute_on_every_worker_until(g, [&] { return got.load() == pipes; });
    foreign.join();
  });
}

// On epoll each accepts by a helper thread, as the listener is in blocking mode and others may have been quicker. Whoever serves the
// driver meanwhile must not do it himself.
TEST_F(rescue_test, many_accept_on_a_plain_listener) {
  weft::test::run([] {
    constexpr int acceptors = 4;
    constexpr int wanted = 20;
    const tcp_listener listener{"127.0.0.1:0"};
    const address where = listener.local_address();
    const int fd = ::dup(listener.native_handle());
    std::atomic<int> accepted{0};
    std::atomic<bool> computing{false};
    const std::uint64_t before = operations();
    group acceptors_group;
    for (int i = 0; i < acceptors; ++i) {
      acceptors_group.spawn([&] {
        for (;;) {
          ::close(io::accept(fd));
          accepted.fetch_add(1);
        }
      });
    }
    yield_until([&] { return operations() >= before + acceptors; });
    std::thread foreign([&] {
      while (!computing.load()) std::this_thread::yield();
      for (int i = 0; i < wanted; ++i) {
        const tcp_stream s = tcp_stream::connect(where);
        while (accepted.load() <= i) std::this_thread::sleep_for(100us);
      }
    });
    {
      group g;
      compute_on_every_worker_until(g, [&] {
        computing.store(true);
        return accepted.load() == wanted;
      });
    }
    foreign.join();
    acceptors_group.cancel();
    acceptors_group.join();
    ::close(fd);
  });
}

TEST_F(rescue_test, operations_may_be_cancelled_while_their_worker_computes) {
  weft::test::run([] {
    constexpr int pipes = 30;
    std::atomic<int> ended{0};
    std::vector<pipe_writer> writers;  // open until all readers have ended
    group g;
    const std::uint64_t before = operations();
    for (int i = 0; i < pipes; ++i) {
      auto [reader, writer] = make_pipe();
      writers.push_back(std::move(writer));
      g.spawn([&ended, i, reader = std::move(reader)]() mutable {
        std::byte b{};
        if (i % 2 == 0) {
          EXPECT_THROW(with_deadline(1ms, [&] { reader.read_some({&b, 1}); }), timeout_error);
        } else {
          reader.read_some({&b, 1});
        }
        ended.fetch_add(1);
      });
    }
    yield_until([&] { return operations() >= before + pipes; });
    std::thread foreign([&writers] {
      for (std::size_t i = 1; i < writers.size(); i += 2) writers[i].write_all("x");
    });
    compute_on_every_worker_until(g, [&] { return ended.load() == pipes; });
    foreign.join();
  });
}

bool is_in_call(pid_t thread, long number) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/syscall");
  std::string first;
  file >> first;
  return first == std::to_string(number);
}

// A byte comes for a fiber whose worker sleeps in the kernel, in a call (of that number) that nobody told weft of. Where the byte's
// writer is too slow to see it sleep, this tests nothing.
void while_a_byte_comes(long call, const std::function<void(std::atomic<bool>& arrived)>& sleep) {
  weft::test::run([&] {
    auto [reader, writer] = make_pipe();
    std::atomic<bool> arrived{false};
    const std::uint64_t before = operations();
    group g;
    g.spawn([&reader, &arrived] {
      std::byte b{};
      EXPECT_EQ(reader.read_some({&b, 1}), 1U);
      arrived.store(true);
    });
    yield_until([&] { return operations() > before; });
    std::atomic<bool> over{false};
    std::thread foreign([&writer, &over, call, sleeper = ::gettid()] {
      while (!over.load() && !is_in_call(sleeper, call)) std::this_thread::yield();
      writer.write_all("x");
    });
    sleep(arrived);
    over.store(true);
    foreign.join();
  });
}

// Not always: a thread that the kernel has woken for a completion looks like one that computes until it has a CPU.
TEST_F(rescue_test, a_call_that_a_signal_would_end_is_left_alone) {
  constexpr int tries = 20;
  constexpr int longer_than_the_monitor_looks = 100;
  bool left_alone = false;
  for (int i = 0; i < tries && !left_alone; ++i) {
    while_a_byte_comes(SYS_poll, [&](const std::atomic<bool>& /*arrived*/) {
      const int result = ::poll(nullptr, 0, longer_than_the_monitor_looks);
      EXPECT_TRUE(result == 0 || errno == EINTR) << std::strerror(errno);
      left_alone = result == 0;
    });
  }
  EXPECT_TRUE(left_alone);
}

// It ends only when the byte has arrived at the other fiber.
TEST_F(rescue_test, a_call_that_is_taken_up_again_is_interrupted) {
  while_a_byte_comes(SYS_read, [](const std::atomic<bool>& arrived) {
    auto [reader, writer] = make_pipe();
    std::thread foreign([&writer, &arrived] {
      while (!arrived.load()) std::this_thread::yield();
      writer.write_all("y");
    });
    char c = 0;
    EXPECT_EQ(::read(reader.native_handle(), &c, 1), 1) << std::strerror(errno);
    foreign.join();
  });
}

// Readers are cancelled on their own worker while another thread, which rescues, has just read for them: what was read must arrive.
TEST_F(rescue_test, cancellations_meet_rescued_completions) {
  weft::test::run([] {
    constexpr std::size_t rounds = 1000;
    constexpr std::size_t pipes = 20;
    std::vector<pipe_reader> readers;
    std::vector<pipe_writer> writers;
    for (std::size_t i = 0; i < pipes; ++i) {
      auto [reader, writer] = make_pipe();
      readers.push_back(std::move(reader));
      writers.push_back(std::move(writer));
    }
    std::atomic<std::size_t> to_rescue{0};
    std::thread rescuer([&to_rescue, &io = *current_driver(), owner = ::gettid()] {
      for (std::size_t rescued = 0; rescued < rounds;) {
        const std::size_t seen = to_rescue.load();
        if (seen != rescued) io.rescue(owner);
        rescued = seen;
      }
    });
    std::atomic<std::size_t> received{0};
    for (std::size_t round = 0; round < rounds; ++round) {
      std::atomic<std::size_t> begun{0};
      group g;
      for (pipe_reader& reader : readers) {
        g.spawn([&reader, &received, &begun] {
          ++begun;
          std::byte bytes[rounds];
          received += reader.read_some(bytes);
        });
      }
      yield_until([&begun] { return begun == pipes; });
      for (pipe_writer& writer : writers) writer.write_all("x");
      to_rescue.store(round + 1);
      weft::test::spin(static_cast<std::uint32_t>(round % 100) *
                       20);  // the cancellation comes at every point of the rescue
      g.cancel();
      g.join();
    }
    rescuer.join();
    writers.clear();
    for (pipe_reader& reader : readers) {
      std::byte bytes[rounds];
      while (const std::size_t n = reader.read_some(bytes)) received += n;
    }
    EXPECT_EQ(received, rounds * pipes);
  });
}

// Several operations that share one wait: the first may end while its fiber still starts the others.
TEST_F(rescue_test, waits_for_many_descriptors_begin_while_completions_are_rescued) {
  weft::test::run([] {
    constexpr int watched = 40;
    std::vector<pipe_reader> readers;
    std::vector<pipe_writer> writers;
    std::vector<pollfd> wanted;
    for (int i = 0; i < watched; ++i) {
      auto [reader, writer] = make_pipe();
      wanted.push_back({reader.native_handle(), POLLIN, 0});
      readers.push_back(std::move(reader));
      writers.push_back(std::move(writer));
    }
    std::atomic<bool> stop{false};
    std::atomic<int> rounds{0};
    group g;
    for (int fiber = 0; fiber < 4; ++fiber) {
      g.spawn([&] {
        std::vector<pollfd> mine = wanted;
        while (!stop.load()) {
          EXPECT_GT(poll_many(mine), 0U);
          rounds.fetch_add(1);
          const auto until = std::chrono::steady_clock::now() + 200us;  // as if it had been computing
          while (std::chrono::steady_clock::now() < until) {
          }
        }
      });
    }
    std::thread foreign([&writers] {
      for (pipe_writer& w : writers) w.write_all("x");
    });
    yield_until([&] { return rounds.load() > 500; });
    stop.store(true);
    foreign.join();
  });
}

}  // namespace
}  // namespace weft::io::test
