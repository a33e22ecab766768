// Cancellation reaches a guest wherever it is, and leaves nothing of it behind.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using namespace std::chrono_literals;

// Starts a guest, waits until it has said `word`, cancels it, and has its end awaited.
void cancel_after(guest_options options, std::string_view word) {
  raw_pipe out;
  options.output = stdio::descriptor(out.writer());
  group g;
  bool returned = false;
  g.spawn([&] {
    guest(load("tool"), std::move(options)).run();
    returned = true;
  });
  read_until(out.reader(), word);
  g.cancel();
  g.join();
  EXPECT_FALSE(returned);
}

TEST(cancel_test, a_guest_that_computes) {
  weft::test::run([] { cancel_after({.arguments = {"spin"}}, "spinning\n"); });
}

TEST(cancel_test, a_guest_that_sleeps) {
  weft::test::run([] { cancel_after({.arguments = {"sleep", "3600000"}}, "sleeping\n"); });
}

TEST(cancel_test, a_guest_that_reads) {
  weft::test::run([] {
    raw_pipe in;
    cancel_after({.arguments = {"cat"}, .input = stdio::descriptor(in.reader())}, "ready\n");
    // What comes later is left for others.
    write_text(in.writer(), "untouched");
    in.close_writer();
    EXPECT_EQ(read_to_end(in.reader()), "untouched");
  });
}

TEST(cancel_test, a_guest_that_polls) {
  weft::test::run([] {
    raw_pipe in;
    cancel_after({.arguments = {"poll", "3600000"}, .input = stdio::descriptor(in.reader())}, "polling\n");
  });
}

TEST(cancel_test, a_guest_that_never_gets_beyond_its_start_function) {
  weft::test::run([] {
    const wasm::module m =
        assemble_module(R"((module (func $s (loop $l (br $l))) (start $s) (func (export "_start"))))");
    EXPECT_THROW(with_deadline(5ms, [&] { guest(m).run(); }), timeout_error);
  });
}

TEST(cancel_test, a_deadline_ends_a_guest) {
  weft::test::run([] {
    guest g(load("tool"), {.arguments = {"spin"}, .output = stdio::null()});
    EXPECT_THROW(with_deadline(5ms, [&] { g.run(); }), timeout_error);
    guest h(load("tool"), {.arguments = {"sleep", "3600000"}, .output = stdio::null()});
    EXPECT_THROW(with_deadline(5ms, [&] { h.run(); }), timeout_error);
  });
}

TEST(cancel_test, a_cancelled_fiber_starts_no_guest) {
  weft::test::run([] {
    const std::uint64_t before = shared_engine().statistics().guests_started;
    const wasm::module m = load("tool");
    {
      group g;
      g.spawn([&] {
        g.cancel();
        guest(m, {.output = stdio::null()}).run();
      });
    }
    EXPECT_EQ(shared_engine().statistics().guests_started, before);
  });
}

// One guest fails; those beside it are ended, and the failure comes out with its trap.
TEST(cancel_test, the_failure_of_one_guest_ends_its_siblings) {
  weft::test::run([] {
    raw_pipe in;
    try {
      group g;
      g.spawn([] { guest(load("tool"), {.arguments = {"spin"}, .output = stdio::null()}).run(); });
      g.spawn([] { guest(load("tool"), {.arguments = {"sleep", "3600000"}, .output = stdio::null()}).run(); });
      g.spawn([&] {
        guest(load("tool"), {.arguments = {"cat"}, .input = stdio::descriptor(in.reader()), .output = stdio::null()})
            .run();
      });
      g.spawn([] { guest(load("tool"), {.arguments = {"trap"}, .output = stdio::null()}).run(); });
      g.join();
      FAIL() << "no failure";
    } catch (const group_error& e) {
      ASSERT_NE(e.find<trap>(), nullptr);
      EXPECT_EQ(e.find<trap>()->code(), trap_code::unreachable);
    }
  });
}

TEST(cancel_test, nothing_is_left_behind) {
  weft::run(weft::test::options_without_spares(), [] {
    const scratch_folder folder;
    const auto round = [&] {
      cancel_after({.arguments = {"spin"}, .directories = {{folder.path(), "/data"}}}, "spinning\n");
      cancel_after({.arguments = {"sleep", "3600000"}, .directories = {{folder.path(), "/data"}}}, "sleeping\n");
    };
    round();
    const std::size_t before = open_descriptors();
    for (int i = 0; i < weft::test::rounds(50); ++i) round();
    EXPECT_EQ(open_descriptors(), before);
  });
}

}  // namespace
}  // namespace weft::wasm::test
