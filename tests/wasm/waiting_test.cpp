// Sleeping and polling.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

// Were the worker asleep with its guest, nothing else would run on one worker.
TEST(waiting_test, a_sleeping_guest_keeps_no_worker) {
  weft::test::run([] {
    raw_pipe out;
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        guest(load("tool"), {.arguments = {"sleep", "3600000"}, .output = stdio::descriptor_lines(out.writer())}).run();
      });
    }
    for (int i = 0; i < 10; ++i) EXPECT_EQ(read_until(out.reader(), "\n"), "sleeping\n");
    EXPECT_EQ(run_tool({"exit", "3"}).exit_code, 3);
    g.cancel();
  });
}

TEST(waiting_test, a_guest_wakes_from_sleep) {
  weft::test::run([] { EXPECT_EQ(run_tool({"sleep", "3"}).output, "sleeping\nawake\n"); });
}

TEST(waiting_test, polling_ends_by_input_or_by_time) {
  weft::test::run([] {
    raw_pipe in;
    EXPECT_THAT(run_tool({"poll", "2"}, {.input = stdio::descriptor(in.reader())}).output,
                HasSubstr("0 ready, input no"));
    raw_pipe out;
    group g;
    g.spawn([&] {
      guest(load("tool"), {.arguments = {"poll", "3600000"},
                           .input = stdio::descriptor(in.reader()),
                           .output = stdio::descriptor(out.writer())})
          .run();
      out.close_writer();
    });
    EXPECT_EQ(read_until(out.reader(), "\n"), "polling\n");
    write_text(in.writer(), "x");
    EXPECT_EQ(read_to_end(out.reader()), "1 ready, input yes\n");
    g.join();
  });
}

TEST(waiting_test, polling_sees_the_end_of_input) {
  weft::test::run([] {
    raw_pipe in;
    in.close_writer();
    EXPECT_THAT(run_tool({"poll", "3600000"}, {.input = stdio::descriptor(in.reader())}).output, HasSubstr("1 ready"));
  });
}

}  // namespace
}  // namespace weft::wasm::test
