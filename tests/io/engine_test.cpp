// The engine as a driver, and how calls find it.
#include "io_support.hpp"

#include <unistd.h>

#include <deque>
#include <stdexcept>
#include <thread>

#include <weft/io/detail/engine.hpp>
#include <weft/scheduler/detail/futex_driver.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using engine_test = io_test;
using forever = std::chrono::steady_clock::time_point;

TEST_F(engine_test, is_the_driver_of_programs_that_do_io) {
  weft::test::run([] {
    ASSERT_NE(current_driver(), nullptr);
    EXPECT_EQ(current_driver()->name(), engine_under_test());
    EXPECT_EQ(last_engine_choice().engine, engine_under_test());
    EXPECT_EQ(current_driver()->kind(), detail::engine::engine_kind());
    EXPECT_EQ(detail::current_engine(), current_driver());
  });
  EXPECT_EQ(detail::current_engine(), nullptr) << "an ordinary thread has none";
}

TEST_F(engine_test, is_missed_with_a_clear_error) {
  options o = weft::test::test_options();
  o.driver = [](unsigned) { return std::make_unique<weft::detail::futex_driver>(); };
  weft::run(o, [] {
    try {
      const file status("/proc/self/status");
      ADD_FAILURE() << "no error";
    } catch (const std::logic_error& e) {
      EXPECT_NE(std::string_view(e.what()).find("no I/O engine (their driver is 'futex')"), std::string_view::npos)
          << e.what();
    }
  });
}

TEST_F(engine_test, several_runtimes_have_their_own) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([] {
      weft::test::run([] {
        connection c = connect_pair();
        c.client.write_all("x");
        std::array<std::byte, 1> byte{};
        EXPECT_TRUE(c.server.read_exactly(byte));
      });
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST_F(engine_test, an_interrupt_ends_the_wait_in_progress_or_the_next) {
  const std::unique_ptr<detail::engine> made = make_engine_under_test();
  detail::engine& e = *made;
  EXPECT_FALSE(e.busy());
  e.interrupt();
  e.interrupt();
  e.wait(forever::max());
  for (int i = 0; i < 1'000; ++i) {
    std::thread other([&] { e.interrupt(); });
    e.wait(forever::max());
    other.join();
    e.wait(std::chrono::steady_clock::now());  // takes what may be left of it
  }
  EXPECT_FALSE(e.busy());
}

// Asked for by another thread, before the wait or during it: no poll() is needed for either.
TEST_F(engine_test, a_wait_sees_cancellations_that_others_ask_for) {
  auto [reader, writer] = make_pipe();
  const std::unique_ptr<detail::engine> made = make_engine_under_test();
  detail::engine& e = *made;
  for (int i = 0; i < 200; ++i) {
    detail::operation op(detail::opcode::poll, reader.native_handle());
    op.flags = POLLIN;
    op.prepare({}, e);
    e.start(op);
    std::thread other([&] { e.request_cancel(op); });
    if (i % 2 == 0) other.join();
    while (!op.is_finished()) e.wait(forever::max());
    EXPECT_EQ(op.result, -ECANCELED);
    if (other.joinable()) other.join();
  }
  EXPECT_FALSE(e.busy());
}

TEST_F(engine_test, a_wait_ends_at_its_limit) {
  const std::unique_ptr<detail::engine> made = make_engine_under_test();
  detail::engine& e = *made;
  for (const auto length : {-1ms, 0ms, 1ms, 3ms}) {
    const auto limit = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < limit) e.wait(limit);
  }
  EXPECT_FALSE(e.poll());
}

// More operations in flight than the submission queue or one round of completions holds.
TEST_F(engine_test, takes_any_number_of_operations) {
  weft::test::run([] {
    constexpr int waiting = 1'500;
    auto [reader, writer] = make_pipe();
    std::atomic<int> ended{0};
    const std::uint64_t before = operations();
    group g;
    for (int i = 0; i < waiting; ++i) {
      g.spawn([&reader, &ended] {
        std::array<std::byte, 1> byte{};
        EXPECT_EQ(reader.read_some(byte), 1U);
        ++ended;
      });
    }
    while (operations() < before + waiting) weft::yield();
    EXPECT_EQ(ended, 0);
    writer.write_all(make_pattern(0, 0, waiting));
    g.join();
    EXPECT_EQ(ended, waiting);
  });
}

// All are ready at once: the submission queue fills many times and the completions exceed theirs.
TEST_F(engine_test, completions_beyond_the_queue_are_not_lost) {
  weft::test::run([] {
    constexpr std::size_t count = 10'000;
    auto [reader, writer] = make_pipe();
    std::deque<detail::operation> polls;
    for (std::size_t i = 0; i < count; ++i)
      polls.emplace_back(detail::opcode::poll, writer.native_handle()).flags = POLLOUT;
    parker self;
    detail::engine& e = *detail::current_engine();
    for (detail::operation& op : polls) {
      op.prepare(self.id(), e);
      e.start(op);
    }
    EXPECT_EQ(self.park(), wake::signalled);
    for (const detail::operation& op : polls) {
      yield_until([&] { return op.is_finished(); });
      EXPECT_EQ(op.result, POLLOUT);
    }
  });
}

// A port that a forgotten accept holds could not be listened on again.
TEST_F(engine_test, ends_what_is_in_flight_when_it_goes) {
  tcp_listener listener{"127.0.0.1:0"};
  const address where = listener.local_address();
  for (int i = 0; i < 20; ++i) {
    detail::operation forgotten(detail::opcode::accept, listener.native_handle());
    {
      const std::unique_ptr<detail::engine> made = make_engine_under_test();
      detail::engine& e = *made;
      forgotten.prepare({}, e);
      e.start(forgotten);
      e.poll();
      EXPECT_TRUE(e.busy());
    }
    EXPECT_FALSE(forgotten.is_finished()) << "who waited is not told: it is gone";
    listener.close();
    listener = tcp_listener{where, {.reuse_address = false}};
  }
}

TEST_F(engine_test, calls_that_never_wait_still_give_others_a_turn) {
  options o = weft::test::test_options();
  o.workers = 1;
  weft::run(o, [] {
    file f("/proc/self/exe");
    std::array<std::byte, 64> bytes{};
    bool other_ran = false;
    group g;
    g.spawn([&] { other_ran = true; });
    while (!other_ran) EXPECT_EQ(f.read_at(0, bytes), bytes.size());
  });
}

// One fiber waits for I/O while another computes and yields: the completion must get through.
TEST_F(engine_test, completions_reach_a_worker_that_is_busy) {
  options o = weft::test::test_options();
  o.workers = 1;
  weft::run(o, [] {
    auto [reader, writer] = make_pipe();
    bool read = false;
    group g;
    g.spawn([&reader, &read] {
      std::array<std::byte, 1> byte{};
      reader.read_some(byte);
      read = true;
    });
    weft::yield();
    writer.write_all("x");
    while (!read) weft::yield();
  });
}

// The runtime stops and starts again: rings come and go with their workers.
TEST_F(engine_test, starting_and_stopping_leaves_nothing) {
  for (int i = 0; i < 20; ++i) {
    weft::test::run([] {
      tcp_listener listener{"127.0.0.1:0"};
      group g;
      g.spawn([&] { (void)listener.accept(); });
      (void)tcp_stream::connect(listener.local_address());
    });
  }
}

}  // namespace
}  // namespace weft::io::test
