// select: one case is done and no other, fairly; what it can wait for; and that waiting leaves nothing behind.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(select, does_the_case_that_can_go) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(1);
    auto [send_b, receive_b] = make_channel<std::string>(1);
    EXPECT_TRUE(send_b.send("here"));
    const std::string got =
        select(receive_a >> [](int) { return std::string("a"); }, receive_b >> [](std::string s) { return s; });
    EXPECT_EQ(got, "here");
    EXPECT_EQ(receive_b.try_receive(), std::nullopt);
  });
}

TEST(select, waits_for_what_comes_first) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(0);
    auto [send_b, receive_b] = make_channel<int>(0);
    group g;
    g.spawn([&send = send_b] { EXPECT_TRUE(send.send(7)); });
    int from_b = 0;
    select(receive_a >> [](int) { ADD_FAILURE(); }, receive_b >> [&](int v) { from_b = v; });
    EXPECT_EQ(from_b, 7);
    EXPECT_EQ(receive_a.statistics().waiting_receivers, 0U);
    EXPECT_EQ(receive_b.statistics().waiting_receivers, 0U);
    EXPECT_EQ(send_a.try_send(1).status(), send_status::full) << "nobody is left in the line";
  });
}

TEST(select, sends_where_somebody_receives_and_leaves_other_values_alone) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<std::unique_ptr<int>>(0);
    auto [send_b, receive_b] = make_channel<std::unique_ptr<int>>(0);
    group g;
    g.spawn([&receive = receive_b] { EXPECT_EQ(**receive.receive(), 2); });
    auto one = std::make_unique<int>(1), two = std::make_unique<int>(2);
    const int chosen =
        select(send_a << std::move(one) >> [] { return 1; }, send_b << std::move(two) >> [] { return 2; });
    EXPECT_EQ(chosen, 2);
    EXPECT_NE(one, nullptr);
    EXPECT_EQ(two, nullptr);
  });
}

TEST(select, copies_an_lvalue_that_it_sends) {
  test::run([] {
    auto [send, receive] = make_channel<std::string>(1);
    const std::string text = "kept";
    select(send << text >> [] {});
    EXPECT_EQ(text, "kept");
    EXPECT_EQ(receive.receive(), "kept");
  });
}

TEST(select, hears_of_a_channels_end_if_its_handler_takes_an_optional) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    group g;
    g.spawn([send = std::move(send)] { yield(); });
    EXPECT_TRUE(select(receive >> [](std::optional<int> v) { return !v.has_value(); }));
    auto [send_on, receive_on] = make_channel<int>(0);
    receive_on = {};
    EXPECT_FALSE(select(send_on << 1 >> [](bool sent) { return sent; }));
  });
}

TEST(select, goes_on_without_a_closed_channel) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(0);
    auto [send_b, receive_b] = make_channel<int>(0);
    group g;
    g.spawn([send_a = std::move(send_a), &send_b = send_b]() mutable {
      for (int i = 0; i < 3; ++i) yield();
      send_a = {};
      EXPECT_TRUE(send_b.send(1));
    });
    EXPECT_EQ(select(receive_a >> [](int) { return 0; }, receive_b >> [](int v) { return v; }), 1);
    EXPECT_THROW(select(receive_a >> [](int) {}), std::logic_error);
  });
}

TEST(select, waits_for_a_task) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    event go;
    group g;
    task<int> t = g.spawn([&] {
      go.wait();
      return 5;
    });
    g.spawn([&] { go.set(); });
    EXPECT_EQ(select(receive >> [](int) { return 0; }, t.done() >> [&] { return t.get(); }), 5);
    task<int> over = g.spawn([] { return 6; });
    over.wait();
    EXPECT_EQ(select(over.done() >> [&] { return over.get(); }), 6);
  });
}

TEST(select, waits_for_an_event) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    event stop;
    group g;
    g.spawn([&] { stop.set(); });
    EXPECT_TRUE(select(receive >> [](int) { return false; }, when(stop) >> [] { return true; }));
    EXPECT_TRUE(select(when(stop) >> [] { return true; }));
  });
}

TEST(select, takes_a_permit_of_a_semaphore) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    counting_semaphore<> slots(1);
    const auto take = [&, &receive = receive] {
      return select(receive >> [](int) { return false; }, acquire(slots) >> [] { return true; });
    };
    EXPECT_TRUE(take());
    EXPECT_EQ(slots.statistics().available, 0);
    group g;
    g.spawn([&] { slots.release(2); });
    EXPECT_TRUE(take());
    g.join();
    EXPECT_EQ(slots.statistics().available, 1);
    EXPECT_EQ(slots.statistics().waiters, 0U);
  });
}

TEST(select, uses_an_auto_reset_event_up) {
  test::run([] {
    auto_reset_event bell;
    group g;
    g.spawn([&] { bell.set(); });
    select(when(bell) >> [] {});
    g.join();
    EXPECT_FALSE(bell.statistics().set);
  });
}

TEST(select, leaves_a_permit_that_it_does_not_choose) {
  test::run([] {
    auto [send, receive] = make_channel<int>(1);
    counting_semaphore<> slots(1);
    EXPECT_TRUE(send.send(1));
    select_in_order(receive >> [](int) {}, acquire(slots) >> [] { ADD_FAILURE(); });
    EXPECT_TRUE(slots.try_acquire());
    EXPECT_FALSE(try_select(acquire(slots) >> [] {}));
    slots.release();
    EXPECT_EQ(slots.statistics().available, 1);
  });
}

TEST(select, waits_until_a_time) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(
        select(after(1h) >> [] { return 1; }, receive >> [](int) { return 2; }, after(1ms) >> [] { return 3; }), 3);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 1ms);
    EXPECT_EQ(select(at(begin) >> [] { return 4; }), 4);
    EXPECT_EQ(receive.statistics().waiting_receivers, 0U);
  });
}

TEST(select, never_parks_if_it_only_tries) {
  auto [send, receive] = make_channel<int>(1);
  EXPECT_FALSE(try_select(receive >> [](int) {}));
  EXPECT_EQ(try_select(send << 3 >> [] { return 1; }), 1);
  EXPECT_EQ(try_select(send << 4 >> [] { return 1; }), std::nullopt);
  int got = 0;
  EXPECT_TRUE(try_select(receive >> [&](int v) { got = v; }));
  EXPECT_EQ(got, 3);
}

TEST(select, is_fair_among_those_that_can_go_and_in_order_on_request) {
  test::run([] {
    std::array<int, 3> chosen{};
    auto [send, receive] = make_channel<int>(1);
    event a, b;
    a.set();
    b.set();
    for (int i = 0; i < 3'000; ++i) {
      select(
          when(a) >> [&] { ++chosen[0]; }, receive >> [](int) {}, when(b) >> [&] { ++chosen[1]; },
          send << 1 >>
              [&] {
                ++chosen[2];
                (void)receive.try_receive();
              });
      EXPECT_EQ(select_in_order(
                    receive >> [](int) { return 0; }, when(b) >> [] { return 1; }, when(a) >> [] { return 2; }),
                1);
    }
    for (const int n : chosen) EXPECT_GT(n, 700);
  });
}

TEST(select, may_send_and_receive_on_the_same_channel) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    EXPECT_FALSE(try_select(send << 1 >> [] {}, receive >> [](int) {})) << "not with itself";
    std::atomic<int> sent{0}, received{0};
    group g;
    for (int i = 0; i < 2; ++i) {
      g.spawn([&send = send, &receive = receive, &sent, &received] {
        for (int k = 0; k < test::rounds(1'000); ++k) {
          select(send << 1 >> [&] { sent.fetch_add(1); }, receive >> [&](int v) { received.fetch_add(v); });
        }
      });
    }
    g.join();
    EXPECT_EQ(sent.load(), received.load());
  });
}

TEST(select, works_on_a_thread_without_fibers) {
  auto [send_a, receive_a] = make_channel<int>(0);
  auto [send_b, receive_b] = make_channel<int>(0);
  long sum = 0;
  std::thread thread([&a = receive_a, &b = receive_b, &sum] {
    const auto add = [&](int v) { sum += v; };
    for (int i = 0; i < 200; ++i) select(a >> add, b >> add, after(1h) >> [] {});
    EXPECT_TRUE(select(a >> [](int) { return false; }, after(100us) >> [] { return true; }));
  });
  test::run([&a = send_a, &b = send_b] {
    group g;
    for (const auto* s : {&a, &b}) {
      g.spawn([s] {
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(s->send(1));
      });
    }
  });
  thread.join();
  EXPECT_EQ(sum, 200);
}

TEST(select, is_a_cancellation_point) {
  test::run([] {
    auto [send, receive] = make_channel<int>(1);
    EXPECT_TRUE(send.send(1));
    {
      group g;
      g.cancel();
      EXPECT_THROW(select(receive >> [](int) {}), cancelled);
    }
    EXPECT_EQ(receive.try_receive(), 1);
    event never;
    EXPECT_THROW(with_deadline(1ms, [&] { select(receive >> [](int) {}, when(never) >> [] {}); }), timeout_error);
    EXPECT_EQ(receive.statistics().waiting_receivers, 0U);
  });
}

TEST(select, throws_what_the_handler_throws) {
  test::run([] {
    auto [send, receive] = make_channel<int>(1);
    EXPECT_TRUE(send.send(1));
    EXPECT_THROW(select(receive >> [](int) { throw std::domain_error("it"); }), std::domain_error);
    EXPECT_EQ(receive.try_receive(), std::nullopt);
  });
}

// A ring of fibers that select on both neighbours, some cancelled: each value that was sent is received or rejected.
TEST(select, loses_and_doubles_nothing) {
  test::random_source random;
  test::run([&] {
    for (int round = 0; round < test::rounds(200); ++round) {
      std::vector<std::pair<sender<int>, receiver<int>>> channels;
      for (std::size_t i = 0; i < 4; ++i) channels.push_back(make_channel<int>(i % 3));
      std::atomic<long> sent{0}, received{0};
      const auto mix = [&](test::random_source mine) {
        for (int k = 0; k < 30; ++k) {
          auto& a = channels[mine.below(4)];
          auto& b = channels[mine.below(4)];
          const int value = 1 + static_cast<int>(mine.below(100));
          select(
              a.first << value >> [&] { sent.fetch_add(value); }, b.second >> [&](int v) { received.fetch_add(v); },
              after(std::chrono::microseconds(mine.below(50))) >> [] {});
        }
      };
      group staying;
      {
        group leaving;
        for (int i = 0; i < 4; ++i) (i % 2 == 0 ? staying : leaving).spawn([&, mine = random.split()] { mix(mine); });
        for (std::uint32_t n = random.below(20); n > 0; --n) yield();
        leaving.cancel();
      }
      staying.join();
      for (auto& [send, receive] : channels) {
        while (const auto left = receive.try_receive()) received.fetch_add(*left);
        EXPECT_EQ(send.statistics().waiting_senders, 0U);
        EXPECT_EQ(send.statistics().waiting_receivers, 0U);
      }
      EXPECT_EQ(sent.load(), received.load());
    }
  });
}

}  // namespace
}  // namespace weft
