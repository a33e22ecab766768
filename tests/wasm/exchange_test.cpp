// Guests that talk over channels, and guests with children.
#include "wasm_support.hpp"

#include <algorithm>

namespace weft::wasm::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

result talk(std::vector<std::string> arguments, guest_options options = {}) {
  options.arguments = std::move(arguments);
  return run_guest(load("talker"), std::move(options));
}

TEST(exchange_test, messages_go_in_and_come_out) {
  weft::test::run([] {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
      auto [jobs, in] = make_channel<message>(capacity);
      auto [out, answers] = make_channel<message>(capacity);
      group g;
      g.spawn([&, in = std::move(in), out = std::move(out)]() mutable {
        const result r = talk({"shout"}, {.channels = {{"in", std::move(in)}, {"out", std::move(out)}}});
        EXPECT_EQ(r.exit_code, 0) << r.output;
      });
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(jobs.send(message("message " + std::to_string(i))));
        EXPECT_EQ(answers.receive().value().text(), "MESSAGE " + std::to_string(i));
      }
      EXPECT_TRUE(jobs.send(message()));
      EXPECT_EQ(answers.receive().value().size(), 0U);
      jobs.close();
      EXPECT_FALSE(answers.receive().has_value());
    }
  });
}

TEST(exchange_test, fibers_hand_messages_on_without_copying_them) {
  weft::test::run([] {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}}) {
      auto [to, from] = make_channel<message>(capacity);
      message sent(std::string(1000, 'x'));
      const std::byte* place = sent.bytes().data();
      group g;
      g.spawn([&, to = std::move(to)] { EXPECT_TRUE(to.send(std::move(sent))); });
      const std::optional<message> received = from.receive();
      ASSERT_TRUE(received.has_value());
      EXPECT_EQ(received->bytes().data(), place);
    }
  });
}

TEST(exchange_test, guests_hand_on_to_guests) {
  weft::test::run([] {
    constexpr int stages = 8;
    constexpr int messages = 200;
    auto [first, from] = make_channel<message>(3);
    group g;
    for (int i = 0; i < stages; ++i) {
      auto [to, next] = make_channel<message>(3);
      g.spawn([from = std::move(from), to = std::move(to)] {
        EXPECT_EQ(talk({"copy", "-1"}, {.channels = {{"", from}, {"", to}}}).exit_code, 0);
      });
      from = std::move(next);
    }
    g.spawn([first = std::move(first)] {
      for (int i = 0; i < messages; ++i) EXPECT_TRUE(first.send(message(std::to_string(i))));
    });
    int expected = 0;
    // The stages keep their copies of the ends until they are gone.
    for (const message& m : from) EXPECT_EQ(m.text(), std::to_string(expected++));
    EXPECT_EQ(expected, messages);
  });
}

TEST(exchange_test, what_goes_wrong_is_an_errno_and_loses_nothing) {
  weft::test::run([] {
    EXPECT_EQ(talk({"errors"}).output,
              "open: No such file or directory\n"
              "bad number: Bad file descriptor\n"
              "wrong end: 76 76\n"
              "empty: Resource temporarily unavailable\n"
              "empty for a while: Operation timed out\n"
              "first: 0\n"
              "full: Resource temporarily unavailable\n"
              "full for a while: Operation timed out\n"
              "too long: Value too large for data type, 10\n"
              "then: 0, 10, 0123456789\n"
              "bad pointer: Bad address\n"
              "huge: Bad address\n"
              "closed: 0 Broken pipe Bad file descriptor\n"
              "capacity: Invalid argument\n"
              "select: Invalid argument, Invalid argument\n"
              "spawn: No such file or directory\n");
  });
}

TEST(exchange_test, a_guest_cannot_fill_the_hosts_memory) {
  weft::test::run([] {
    EXPECT_EQ(talk({"flood"}, {.unreceived_bytes = 8_MiB}).output,
              "sent 8: No buffer space available\nafter one was received: 0\nchannels: 2047\n");
  });
}

TEST(exchange_test, messages_that_outlive_their_guest_are_still_accounted_for) {
  weft::test::run([] {
    auto [jobs, in] = make_channel<message>(4);
    auto [out, answers] = make_channel<message>(4);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(jobs.send(message("abc")));
    jobs.close();
    EXPECT_EQ(talk({"shout"}, {.channels = {{"in", in}, {"out", out}}}).exit_code, 0);
    out = {};
    std::vector<std::byte> kept;
    for (message& m : answers) {
      message moved;
      moved = std::move(m);
      kept = std::move(moved).release();
    }
    EXPECT_EQ(kept.size(), 3U);
  });
}

TEST(exchange_test, select_takes_from_whichever_has_something) {
  weft::test::run([] {
    auto [a, from_a] = make_channel<message>(0);
    auto [b, from_b] = make_channel<message>(2);
    auto [out, merged] = make_channel<message>(1);
    group g;
    g.spawn([&, out = std::move(out)] {
      const result r = talk({"merge"}, {.channels = {{"a", from_a}, {"b", from_b}, {"out", out}}});
      EXPECT_EQ(r.output, "wrong end: 76\n");
      EXPECT_EQ(r.exit_code, 0);
    });
    for (auto* sender : {&a, &b}) {
      g.spawn([sender = std::move(*sender)] {
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(sender.send(message("x")));
      });
    }
    EXPECT_EQ(std::ranges::distance(merged), 200);
    g.join();
  });
}

// Were the worker asleep with its guest, nothing else would run on one worker.
TEST(exchange_test, a_guest_that_waits_keeps_no_worker_and_can_be_cancelled) {
  weft::test::run([] {
    auto [send, receive] = make_channel<message>(0);
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&, receive = receive] { talk({"copy", "-1"}, {.channels = {{"", receive}, {"", send}}}); });
      g.spawn([] { talk({"sleep", "3600000000000"}); });
    }
    while (receive.statistics().waiting_receivers < 20) yield();
    EXPECT_EQ(talk({"sleep", "1000"}).exit_code, 0);
    g.cancel();
  });
}

TEST(exchange_test, channels_also_connect_ordinary_threads) {
  auto [jobs, in] = make_channel<message>(4);
  auto [out, answers] = make_channel<message>(4);
  EXPECT_TRUE(jobs.send(message("abc")));
  jobs.close();
  EXPECT_EQ(talk({"shout"}, {.channels = {{"in", in}, {"out", out}}}).exit_code, 0);
  EXPECT_EQ(answers.receive().value().text(), "ABC");
}

// ---- children

guest_options with_children(unsigned most = 16) {
  return {.children = {{.name = "stage", .program = load("talker"), .most = most}}};
}

TEST(exchange_test, a_guest_starts_children_and_talks_to_them) {
  weft::test::run([] {
    const result r = talk({"chain", "5"}, with_children());
    EXPECT_EQ(r.output, "sum 4950\nclosed 1 0\n");
    EXPECT_EQ(r.exit_code, 0);
  });
}

TEST(exchange_test, a_childs_exit_code_comes_back) {
  weft::test::run(
      [] { EXPECT_EQ(talk({"parent-of-exit"}, with_children()).output, "at once: fine\nthe child's exit code: 7\n"); });
}

TEST(exchange_test, a_child_that_fails_fails_its_parent) {
  weft::test::run([] {
    for (int i = 0; i < 20; ++i) {
      try {
        talk({"parent-of-trap"}, with_children());
        FAIL() << "returned";
      } catch (const group_error& e) {
        const trap* t = e.find<trap>();
        ASSERT_NE(t, nullptr) << e.what();
        EXPECT_EQ(t->code(), trap_code::unreachable);
        EXPECT_FALSE(t->frames().empty());
      }
    }
  });
}

TEST(exchange_test, children_end_with_their_parent_and_there_are_no_more_than_granted) {
  weft::test::run([] {
    EXPECT_EQ(talk({"parent-of-sleep"}, with_children(5)).output, "5 children\n");
    group g;
    g.spawn([] {
      std::string output;
      guest parent(load("talker"), {.arguments = {"chain", "3"},
                                    .output = stdio::capture(output),
                                    .children = {{.name = "stage", .program = load("talker"), .most = 1}}});
      EXPECT_EQ(parent.run(), 1);
      EXPECT_EQ(output, "spawn: Resource temporarily unavailable\n");
    });
    g.join();
  });
}

TEST(exchange_test, a_guest_ends_its_children_and_goes_on) {
  weft::test::run([] {
    const result r = talk({"canceller"}, with_children());
    EXPECT_EQ(r.output,
              "sleep: Operation canceled\nspin: Operation canceled\nexit: 7\nno child: Bad file descriptor\n"
              "a channel: Capabilities insufficient\n");
    EXPECT_EQ(r.exit_code, 0);
  });
}

TEST(exchange_test, without_a_fiber_there_are_no_children) {
  EXPECT_EQ(talk({"parent-of-exit"}, with_children()).output, "spawn: Not supported\n");
}

TEST(exchange_test, a_cancelled_parent_takes_its_children_along) {
  weft::test::run([] {
    const module waiting = assemble_module(R"((module
      (import "weft" "spawn" (func $spawn (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (import "weft" "sleep" (func $sleep (param i64) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "stage") (data (i32.const 8) "sleep\003600000000000\00")
      (func (export "_start")
        (drop (call $spawn (i32.const 0) (i32.const 5) (i32.const 8) (i32.const 20) (i32.const 0) (i32.const 0)
              (i32.const 64)))
        (drop (call $sleep (i64.const 3600000000000))))))");
    EXPECT_THROW(with_deadline(20ms, [&] { run_guest(waiting, with_children()); }), timeout_error);
  });
}

TEST(exchange_test, an_instance_keeps_its_channels_between_calls_and_its_children_within_one) {
  weft::test::run([] {
    auto [send, receive] = make_channel<message>(4);
    instance i(assemble_module(R"((module
      (import "weft" "channel_send" (func $send (param i32 i32 i32 i64) (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) "hello")
      (func (export "say") (param i32) (result i32)
        (call $send (i32.const 0) (i32.const 0) (local.get 0) (i64.const -1)))))"),
               {.channels = {{"out", send}}});
    for (int n = 1; n <= 4; ++n) EXPECT_EQ(i.call<int(int)>("say", n), 0);
    for (const char* said : {"h", "he", "hel", "hell"}) EXPECT_EQ(receive.receive().value().text(), said);
    receive = {};
    EXPECT_EQ(i.call<int(int)>("say", 1), 64);
  });
}

TEST(exchange_test, a_function_that_the_module_does_not_have_is_named) {
  weft::test::run([] {
    try {
      guest g(assemble_module(R"((module (import "weft" "teleport" (func)) (func (export "_start"))))"));
      FAIL() << "made";
    } catch (const module_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("imports weft.teleport"));
    }
  });
}

}  // namespace
}  // namespace weft::wasm::test
