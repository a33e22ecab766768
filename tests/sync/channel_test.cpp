// Channels: order, ends, bounds, what a cancellation or a time limit leaves behind, and that no value is lost or doubled.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/channel.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

// Neither copyable nor default-made, and says what has become of it.
class parcel {
 public:
  explicit parcel(int n, std::atomic<int>* alive = nullptr) noexcept : n_(n), alive_(alive) { count(1); }
  parcel(parcel&& other) noexcept : n_(std::exchange(other.n_, -1)), alive_(other.alive_) { count(1); }
  parcel& operator=(parcel&& other) noexcept {
    n_ = std::exchange(other.n_, -1);
    return *this;
  }
  ~parcel() { count(-1); }
  [[nodiscard]] int number() const noexcept { return n_; }

 private:
  void count(int change) const noexcept {
    if (alive_ != nullptr) alive_->fetch_add(change);
  }
  int n_;
  std::atomic<int>* alive_;
};

void send_numbers(const sender<int>& send, int count) {
  for (int i = 0; i < count; ++i) EXPECT_TRUE(send.send(i));
}

TEST(channel, passes_values_in_order) {
  for (const std::size_t capacity : {0U, 1U, 3U, 128U}) {
    test::run([&] {
      auto [send, receive] = make_channel<int>(capacity);
      group g;
      g.spawn([send = std::move(send)] { send_numbers(send, 1'000); });
      int expected = 0;
      for (const int value : receive) EXPECT_EQ(value, expected++);
      EXPECT_EQ(expected, 1'000);
    });
  }
}

TEST(channel, takes_values_that_can_only_be_moved) {
  test::run([] {
    auto [send, receive] = make_channel<parcel>(1);
    auto [send_pointer, receive_pointer] = make_channel<std::unique_ptr<int>>(0);
    group g;
    g.spawn([&send = send, &send_pointer = send_pointer] {
      EXPECT_TRUE(send.send(parcel(1)));
      EXPECT_TRUE(send.send(parcel(2)));
      EXPECT_TRUE(send_pointer.send(std::make_unique<int>(3)));
    });
    EXPECT_EQ(receive.receive()->number(), 1);
    EXPECT_EQ(receive.receive()->number(), 2);
    EXPECT_EQ(**receive_pointer.receive(), 3);
  });
}

TEST(channel, holds_as_many_as_it_was_made_for) {
  auto [send, receive] = make_channel<int>(2);
  EXPECT_TRUE(send.try_send(1));
  EXPECT_TRUE(send.try_send(2));
  const send_result<int> full = send.try_send(3);
  EXPECT_FALSE(full);
  EXPECT_EQ(full.status(), send_status::full);
  EXPECT_EQ(send_result<int>(full).rejected(), 3);
  EXPECT_EQ(receive.try_receive(), 1);
  EXPECT_TRUE(send.try_send(3));
  EXPECT_EQ(receive.try_receive(), 2);
  EXPECT_EQ(receive.try_receive(), 3);
  EXPECT_EQ(receive.try_receive(), std::nullopt);
  EXPECT_FALSE(receive.is_drained());
}

TEST(channel, a_rendezvous_keeps_nothing) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    EXPECT_EQ(send.try_send(1).status(), send_status::full);
    group g;
    bool received = false;
    g.spawn([&receive = receive, &received] { received = receive.receive() == 2; });
    EXPECT_TRUE(send.send(2));
    g.join();
    EXPECT_TRUE(received);
  });
}

TEST(channel, closes_when_the_last_sender_is_gone_and_is_drained_then) {
  auto [send, receive] = make_channel<int>(4);
  EXPECT_TRUE(send.try_send(1));
  {
    const sender<int> copy = send;
    send = {};
    EXPECT_TRUE(copy.try_send(2));
    EXPECT_FALSE(receive.is_closed());
  }
  EXPECT_TRUE(receive.is_closed());
  EXPECT_FALSE(receive.is_drained());
  EXPECT_EQ(receive.try_receive(), 1);
  EXPECT_EQ(receive.try_receive(), 2);
  EXPECT_TRUE(receive.is_drained());
}

TEST(channel, close_ends_it_for_all) {
  test::run([] {
    auto [send, receive] = make_channel<int>(1);
    EXPECT_TRUE(send.send(1));
    std::atomic<int> rejected{0};
    group g;
    for (int i = 0; i < 3; ++i) {
      g.spawn([&send = send, &rejected, i] {
        send_result<int> r = send.send(10 + i);
        EXPECT_EQ(r.status(), send_status::closed);
        EXPECT_EQ(std::move(r).rejected(), 10 + i);
        rejected.fetch_add(1);
      });
    }
    test::give_way_until([&] { return send.statistics().waiting_senders == 3; });
    receive.close();
    g.join();
    EXPECT_EQ(rejected.load(), 3);
    EXPECT_EQ(receive.receive(), 1);
    EXPECT_EQ(receive.receive(), std::nullopt);
    EXPECT_EQ(receive.receive(), std::nullopt);
    send.close();
  });
}

TEST(channel, receivers_that_wait_hear_of_the_end) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    group g;
    for (int i = 0; i < 3; ++i) g.spawn([&receive = receive] { EXPECT_EQ(receive.receive(), std::nullopt); });
    test::give_way_until([&] { return receive.statistics().waiting_receivers == 3; });
    send = {};
  });
}

TEST(channel, sends_fail_when_the_last_receiver_is_gone_and_nothing_is_kept) {
  std::atomic<int> alive{0};
  auto [send, receive] = make_channel<parcel>(4);
  EXPECT_TRUE(send.try_send(parcel(1, &alive)));
  EXPECT_EQ(alive.load(), 1);
  receive = {};
  EXPECT_EQ(alive.load(), 0);
  auto back = send.try_send(parcel(2, &alive));
  EXPECT_EQ(back.status(), send_status::closed);
  EXPECT_EQ(back.rejected().number(), 2);
}

TEST(channel, destroys_what_nobody_received) {
  std::atomic<int> alive{0};
  {
    auto [send, receive] = make_channel<parcel>(4);
    EXPECT_TRUE(send.try_send(parcel(1, &alive)));
    EXPECT_TRUE(send.try_send(parcel(2, &alive)));
    EXPECT_EQ(receive.try_receive()->number(), 1);
  }
  EXPECT_EQ(alive.load(), 0);
}

TEST(channel, a_time_limit_gives_the_value_back) {
  test::run([] {
    auto [send, receive] = make_channel<std::unique_ptr<int>>(1);
    EXPECT_EQ(receive.receive_for(100us), std::nullopt);
    EXPECT_TRUE(send.send_for(std::make_unique<int>(1), 100us));
    auto back = send.send_for(std::make_unique<int>(2), 100us);
    EXPECT_EQ(back.status(), send_status::timed_out);
    EXPECT_EQ(*back.rejected(), 2);
    EXPECT_EQ(**receive.receive_for(1h), 1);
    EXPECT_EQ(send.statistics().waiting_senders, 0U);
    EXPECT_EQ(send.statistics().waiting_receivers, 0U);
  });
}

TEST(channel, is_a_cancellation_point_on_entry_even_where_it_need_not_wait) {
  test::run([] {
    auto [send, receive] = make_channel<int>(4);
    EXPECT_TRUE(send.send(1));
    group g;
    g.cancel();
    EXPECT_THROW((void)send.send(2), cancelled);
    EXPECT_THROW((void)receive.receive(), cancelled);
    EXPECT_EQ(receive.try_receive(), 1) << "a try is none";
    EXPECT_EQ(receive.try_receive(), std::nullopt);
  });
}

TEST(channel, a_deadline_ends_a_wait_and_nothing_is_lost) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    EXPECT_THROW(with_deadline(1ms, [&receive = receive] { (void)receive.receive(); }), timeout_error);
    EXPECT_THROW(with_deadline(1ms, [&send = send] { (void)send.send(1); }), timeout_error);
    EXPECT_EQ(receive.statistics().waiting_receivers, 0U);
    EXPECT_EQ(receive.try_receive(), std::nullopt);
  });
}

TEST(channel, receives_many_at_once) {
  test::run([] {
    auto [send, receive] = make_channel<int>(3);
    group g;
    g.spawn([send = std::move(send)] { send_numbers(send, 100); });
    std::vector<int> all;
    for (;;) {
      std::vector<int> some;
      const std::size_t n = receive.receive_many(some, 10);
      EXPECT_EQ(n, some.size());
      EXPECT_LE(n, 10U);
      if (n == 0) break;
      all.insert(all.end(), some.begin(), some.end());
    }
    ASSERT_EQ(all.size(), 100U);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(receive.receive_many(all, 0), 0U);
  });
}

TEST(channel, tells_what_it_holds) {
  auto [send, receive] = make_channel<int>(7);
  EXPECT_TRUE(send.try_send(1));
  EXPECT_TRUE(send.try_send(2));
  (void)receive.try_receive();
  const channel_statistics s = send.statistics();
  EXPECT_EQ(s.capacity, 7U);
  EXPECT_EQ(s.size, 1U);
  EXPECT_EQ(s.waiting_senders, 0U);
  EXPECT_EQ(s.waiting_receivers, 0U);
  EXPECT_EQ(s.total_sent, 2U);
}

TEST(channel, refuses_what_cannot_be) {
  EXPECT_THROW((void)make_channel<std::string>(std::numeric_limits<std::size_t>::max()), std::length_error);
  if constexpr (!test::sanitized) {  // a sanitizer ends the process instead
    EXPECT_THROW((void)make_channel<std::string>(std::numeric_limits<std::size_t>::max() / 64), std::bad_alloc);
  }
  const sender<int> nothing;
  EXPECT_THROW((void)nothing.send(1), std::logic_error);
  EXPECT_THROW((void)receiver<int>().receive(), std::logic_error);
  auto [send, receive] = make_channel<int>(0);
  const receiver<int> moved = std::move(receive);
  EXPECT_FALSE(receive);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(moved);
}

TEST(channel, serves_those_who_wait_in_their_order) {
  weft::run(test::test_options(1), [] {
    auto [send, receive] = make_channel<int>(0);
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&receive = receive, i] { EXPECT_EQ(receive.receive(), i); });
      test::give_way_until([&] { return receive.statistics().waiting_receivers == static_cast<std::size_t>(i) + 1; });
    }
    send_numbers(send, 10);
  });
}

TEST(channel, threads_without_fibers_wait_too) {
  for (const std::size_t capacity : {0U, 3U}) {
    auto [to_fibers, from_thread] = make_channel<int>(capacity);
    auto [to_thread, from_fibers] = make_channel<int>(capacity);
    std::thread thread([&out = to_fibers, &in = from_fibers] {
      for (int i = 0; i < 1'000; ++i) {
        EXPECT_TRUE(out.send(i));
        EXPECT_EQ(in.receive(), -i);
      }
      EXPECT_EQ(in.receive_for(100us), std::nullopt);
    });
    test::run([&in = from_thread, &out = to_thread] {
      for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(out.send(-in.receive().value()));
    });
    thread.join();
  }
}

// Many on both sides, all capacities: each value comes out once.
TEST(channel, loses_and_doubles_nothing) {
  for (const std::size_t capacity : {0U, 1U, 3U, 64U}) {
    test::run([&] {
      constexpr int producers = 4, consumers = 4;
      constexpr int each = test::rounds(5'000);
      auto [send, receive] = make_channel<int>(capacity);
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(producers * each));
      group g;
      for (int c = 0; c < consumers; ++c) {
        g.spawn([receive = receive, &seen] {
          for (const int value : receive) seen[static_cast<std::size_t>(value)].fetch_add(1);
        });
      }
      for (int p = 0; p < producers; ++p) {
        g.spawn([send = send, p] {
          for (int i = 0; i < each; ++i) EXPECT_TRUE(send.send(p * each + i));
        });
      }
      send = {};
      g.join();
      for (const auto& count : seen) EXPECT_EQ(count.load(), 1);
    });
  }
}

// Senders and receivers that are cancelled at any instant: what was sent and not received is what is left.
TEST(channel, cancellation_loses_nothing) {
  test::random_source random;
  for (const std::size_t capacity : {0U, 1U, 3U}) {
    test::run([&] {
      for (int round = 0; round < test::rounds(300); ++round) {
        auto [send, receive] = make_channel<int>(capacity);
        std::atomic<long> sent{0}, received{0};
        const auto produce = [&send = send, &sent](test::random_source mine) {
          for (int k = 0; k < 20; ++k) {
            const int value = 1 + static_cast<int>(mine.below(100));
            if (!send.send(value)) return;
            sent.fetch_add(value);
            test::spin(mine.below(100));
          }
        };
        const auto consume = [&receive = receive, &received](test::random_source mine) {
          while (const auto value = receive.receive()) {
            received.fetch_add(*value);
            test::spin(mine.below(100));
          }
        };
        group staying;
        {
          group leaving;
          for (int i = 0; i < 3; ++i) {
            leaving.spawn([&, mine = random.split()] { consume(mine); });
            leaving.spawn([&, mine = random.split()] { produce(mine); });
          }
          staying.spawn([&, mine = random.split()] { produce(mine); });
          for (std::uint32_t n = random.below(12); n > 0; --n) yield();
          test::spin(random.below(2'000));
          leaving.cancel();
        }
        staying.spawn([&, mine = random.split()] { consume(mine); });
        test::give_way_until([&] { return send.statistics().waiting_receivers == 1; });
        send.close();
        staying.join();
        EXPECT_EQ(sent.load(), received.load());
      }
    });
  }
}

}  // namespace
}  // namespace weft
