// The selector: cases that come and go, each served in turn, and nothing left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/task.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/selector.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(selector, handles_what_comes) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(0);
    auto [send_b, receive_b] = make_channel<std::string>(1);
    selector s;
    int a = 0;
    std::string b;
    const auto id_a = s.add(receive_a, [&](int v) { a = v; });
    const auto id_b = s.add(receive_b, [&](std::string v) { b = std::move(v); });
    group g;
    g.spawn([&send = send_a] { EXPECT_TRUE(send.send(1)); });
    EXPECT_EQ(s.wait(), id_a);
    EXPECT_TRUE(send_b.send("two"));
    EXPECT_EQ(s.wait(), id_b);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "two");
    EXPECT_EQ(s.wait_for(100us), std::nullopt);
  });
}

TEST(selector, sends_a_value_once) {
  test::run([] {
    auto [send, receive] = make_channel<std::unique_ptr<int>>(0);
    selector s;
    int sent = 0;
    s.add(send, std::make_unique<int>(7), [&](bool ok) { sent += ok ? 1 : 100; });
    group g;
    g.spawn([&receive = receive] { EXPECT_EQ(**receive.receive(), 7); });
    EXPECT_TRUE(s.wait().has_value());
    EXPECT_TRUE(s.empty());
    EXPECT_EQ(s.wait(), std::nullopt);
    g.join();
    receive = {};
    s.add(send, std::make_unique<int>(8), [&](bool ok) { sent += ok ? 1 : 100; });
    EXPECT_TRUE(s.wait().has_value());
    EXPECT_EQ(sent, 101);
  });
}

TEST(selector, two_of_them_meet_on_a_rendezvous) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    int sum = 0;
    group g;
    g.spawn([&send = send] {
      selector s;
      for (int i = 1; i <= 100; ++i) {
        s.add(send, i, [](bool sent) { EXPECT_TRUE(sent); });
        EXPECT_TRUE(s.wait().has_value());
      }
    });
    g.spawn([&receive = receive, &sum] {
      selector s;
      s.add(receive, [&](int v) { sum += v; });
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(s.wait().has_value());
    });
    g.join();
    EXPECT_EQ(sum, 5050);
  });
}

TEST(selector, a_case_ends_with_its_channel) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(4);
    auto [send_b, receive_b] = make_channel<int>(4);
    selector s;
    int sum = 0;
    bool ended = false;
    s.add(std::move(receive_a), [&](int v) { sum += v; });
    s.add(std::move(receive_b), [&](std::optional<int> v) { v ? void(sum += *v) : void(ended = true); });
    for (int i = 1; i <= 3; ++i) {
      EXPECT_TRUE(send_a.send(i));
      EXPECT_TRUE(send_b.send(10 * i));
    }
    send_a = {};
    send_b = {};
    while (s.wait()) {
    }
    EXPECT_EQ(sum, 66);
    EXPECT_TRUE(ended);
    EXPECT_TRUE(s.empty());
  });
}

TEST(selector, cases_may_be_removed_and_added_by_handlers) {
  test::run([] {
    auto [send_a, receive_a] = make_channel<int>(4);
    auto [send_b, receive_b] = make_channel<int>(4);
    selector s;
    int from_b = 0;
    selector::case_id a{};
    a = s.add(receive_a, [&, &receive_b = receive_b](int) {
      EXPECT_TRUE(s.remove(a));
      EXPECT_FALSE(s.remove(a));
      s.add(receive_b, [&](int v) { from_b = v; });
    });
    EXPECT_TRUE(send_a.send(1));
    EXPECT_TRUE(send_a.send(2));
    EXPECT_TRUE(send_b.send(3));
    EXPECT_EQ(s.wait(), a);
    EXPECT_NE(s.wait(), a);
    EXPECT_EQ(from_b, 3);
    EXPECT_EQ(receive_a.try_receive(), 2) << "left alone";
  });
}

TEST(selector, a_handler_that_throws_keeps_its_case) {
  test::run([] {
    auto [send, receive] = make_channel<int>(4);
    selector s;
    s.add(receive, [](int v) {
      if (v == 1) throw std::domain_error("it");
    });
    EXPECT_TRUE(send.send(1));
    EXPECT_TRUE(send.send(2));
    EXPECT_THROW(s.wait(), std::domain_error);
    EXPECT_TRUE(s.wait().has_value());
  });
}

TEST(selector, is_fair) {
  test::run([] {
    selector s;
    std::vector<std::pair<sender<int>, receiver<int>>> channels;
    std::vector<int> served(3);
    for (std::size_t i = 0; i < 3; ++i) {
      channels.push_back(make_channel<int>(1));
      s.add(channels[i].second, [&, i](int) {
        ++served[i];
        EXPECT_TRUE(channels[i].first.try_send(1));  // always ready again
      });
      EXPECT_TRUE(channels[i].first.try_send(1));
    }
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(s.wait().has_value());
    EXPECT_EQ(served, (std::vector<int>{100, 100, 100}));
  });
}

TEST(selector, is_a_cancellation_point) {
  test::run([] {
    auto [send, receive] = make_channel<int>(0);
    selector s;
    s.add(receive, [](int) {});
    EXPECT_THROW(with_deadline(1ms, [&] { s.wait(); }), timeout_error);
    group g;
    g.spawn([&send = send] { EXPECT_TRUE(send.send(1)); });
    EXPECT_TRUE(s.wait().has_value());
  });
}

// Ten thousand channels, values from many fibers, cases that come and go.
TEST(selector, watches_thousands) {
  test::random_source random;
  test::run([&] {
    const auto count = static_cast<std::size_t>(test::rounds(10'000));
    std::vector<sender<long>> senders;
    selector s;
    long received = 0, expected = 0;
    for (std::size_t i = 0; i < count; ++i) {
      auto [send, receive] = make_channel<long>(i % 2);
      senders.push_back(std::move(send));
      s.add(std::move(receive), [&](long v) { received += v; });
    }
    group g;
    for (int producer = 0; producer < 4; ++producer) {
      for (int i = 0; i < 2'000; ++i) expected += i;
      g.spawn([&senders, mine = random.split()]() mutable {
        for (long i = 0; i < 2'000; ++i) {
          EXPECT_TRUE(senders[mine.below(static_cast<std::uint32_t>(senders.size()))].send(i));
        }
      });
    }
    for (int i = 0; i < 8'000; ++i) EXPECT_TRUE(s.wait().has_value());
    g.join();
    EXPECT_EQ(received, expected);
    EXPECT_EQ(s.size(), count);
    senders.clear();
    EXPECT_EQ(s.wait_for(1h).has_value(), true);
  });
}

TEST(selector, hears_of_tasks_events_and_time_once) {
  test::run([] {
    group g;
    event start, set;
    const task<int> t = g.spawn([&] {
      start.wait();
      return 7;
    });
    selector s;
    std::string order;
    const auto id_event = s.add(when(set), [&] { order += 'e'; });
    const auto id_task = s.add(t.done(), [&] { order += 't'; });
    const auto id_time = s.add(after(1ms), [&] { order += 'a'; });
    EXPECT_EQ(s.wait(), id_time);
    start.set();
    EXPECT_EQ(s.wait(), id_task);
    set.set();
    EXPECT_EQ(s.wait(), id_event);
    EXPECT_EQ(order, "ate");
    EXPECT_EQ(s.wait(), std::nullopt) << "each was there once";
  });
}

TEST(selector, what_has_happened_before_is_heard_of_at_once) {
  test::run([] {
    event set;
    set.set();
    group g;
    const task<void> t = g.spawn([] {});
    t.wait();
    selector s;
    int heard = 0;
    s.add(when(set), [&] { ++heard; });
    s.add(t.done(), [&] { ++heard; });
    s.add(at(std::chrono::steady_clock::time_point::min()), [&] { ++heard; });
    while (s.wait()) {
    }
    EXPECT_EQ(heard, 3);
  });
}

TEST(selector, timers_go_off_in_their_order) {
  test::run([] {
    selector s;
    std::vector<int> order;
    const auto now = std::chrono::steady_clock::now();
    for (const int i : {3, 1, 2}) s.add(at(now + i * 1ms), [&order, i] { order.push_back(i); });
    const auto gone = s.add(at(now), [&] { order.push_back(0); });
    EXPECT_TRUE(s.remove(gone));
    while (s.wait()) {
    }
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
  });
}

TEST(selector, a_limit_that_comes_before_a_timer_is_a_limit) {
  test::run([] {
    selector s;
    s.add(after(1h), [] {});
    EXPECT_EQ(s.wait_for(100us), std::nullopt);
    EXPECT_EQ(s.size(), 1U);
  });
}

TEST(selector, takes_permits_again_and_again) {
  test::run([] {
    constexpr int permits = 200;
    counting_semaphore<> inside(0);
    auto_reset_event tick;
    selector s;
    int taken = 0, ticks = 0;
    s.add(acquire(inside), [&] { ++taken; });
    s.add(when(tick), [&] {
      ++ticks;
      inside.release();
    });
    group g;
    g.spawn([&] {
      for (int i = 0; i < permits; ++i) {
        inside.release();
        if (i % 3 == 0) yield();
      }
      tick.set();
    });
    while (taken < permits + 1) EXPECT_TRUE(s.wait().has_value());
    EXPECT_EQ(ticks, 1);
    g.join();
    EXPECT_EQ(inside.statistics().available, 0) << "no permit was lost or had twice";
  });
}

TEST(selector, a_permit_goes_to_others_while_it_is_busy) {
  test::run([] {
    counting_semaphore<> permits(0);
    int mine = 0;
    {
      selector s;
      const auto id = s.add(acquire(permits), [&] { ++mine; });
      EXPECT_EQ(s.wait_for(100us), std::nullopt);
      permits.release();  // it stands in the line, but waits for nothing just now
      permits.acquire();
      EXPECT_EQ(mine, 0);
      EXPECT_TRUE(s.remove(id));
      s.add(acquire(permits), [&] { ++mine; });
      EXPECT_EQ(s.wait_for(100us), std::nullopt);
    }
    permits.release();
    EXPECT_EQ(permits.statistics().available, 1) << "it has left the line with its selector";
  });
}

TEST(selector, threads_and_fibers_signal_it_at_once) {
  test::run([] {
    constexpr int senders = 4;
    const int each = test::rounds(2'000);
    counting_semaphore<> permits(0);
    auto [send, receive] = make_channel<int>(3);
    int taken = 0, received = 0;
    selector s;
    s.add(acquire(permits), [&] { ++taken; });
    s.add(receive, [&](int) { ++received; });
    std::vector<std::thread> threads;
    for (int i = 0; i < senders; ++i) {
      threads.emplace_back([&, send = send] {
        for (int n = 0; n < each; ++n) {
          permits.release();
          EXPECT_TRUE(send.send(n));
        }
      });
    }
    while (taken < senders * each || received < senders * each) ASSERT_TRUE(s.wait().has_value());
    for (std::thread& t : threads) t.join();
  });
}

}  // namespace
}  // namespace weft
