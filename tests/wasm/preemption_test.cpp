// Guests that compute for ever share their workers.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

constexpr const char* endless = R"((module (func (export "_start") (loop $l (br $l)))))";

// Without time slices the first guest would keep the worker, and the test would never end.
TEST(preemption_test, a_guest_that_spins_lets_others_run) {
  weft::test::run([] {
    const wasm::module m = assemble_module(endless);
    group g;
    for (unsigned i = 0; i < weft::test::worker_count() + 1; ++i) g.spawn([&] { guest(m).run(); });
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(run_tool({"exit", "9"}).exit_code, 9);
      weft::yield();
    }
    g.cancel();
  });
}

TEST(preemption_test, timers_come_while_guests_spin) {
  weft::test::run([] {
    const wasm::module m = assemble_module(endless);
    group g;
    for (unsigned i = 0; i < 2 * weft::test::worker_count(); ++i) g.spawn([&] { guest(m).run(); });
    for (int i = 0; i < 20; ++i) weft::sleep_for(std::chrono::milliseconds(1));
    g.cancel();
  });
}

TEST(preemption_test, input_arrives_while_guests_spin) {
  weft::test::run([] {
    const wasm::module m = assemble_module(endless);
    group g;
    for (unsigned i = 0; i < 2 * weft::test::worker_count(); ++i) g.spawn([&] { guest(m).run(); });
    raw_pipe in;
    raw_pipe out;
    group reading;
    reading.spawn([&] {
      guest(load("tool"),
            {.arguments = {"cat"}, .input = stdio::descriptor(in.reader()), .output = stdio::descriptor(out.writer())})
          .run();
    });
    read_until(out.reader(), "ready\n");
    write_text(in.writer(), "ping\n");
    EXPECT_EQ(read_until(out.reader(), "\n"), "ping\n");
    in.close_writer();
    reading.join();
    g.cancel();
  });
}

TEST(preemption_test, slices_are_counted) {
  weft::test::run([] {
    guest g(load("tool"), {.arguments = {"compute", "30000000"}, .output = stdio::null()});
    EXPECT_EQ(g.run(), 0);
    EXPECT_GE(g.statistics().slices, 1U);
  });
}

}  // namespace
}  // namespace weft::wasm::test
