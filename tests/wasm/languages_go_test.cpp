// Guests written in Go.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(languages_go_test, files_goroutines_and_timers) {
  weft::test::run([] {
    const scratch_folder folder;
    write_file(folder / "secret", "secret");
    std::filesystem::create_directory(folder / "given");
    const result r = run_guest(load("go_tool"), {.arguments = {"one", "two"},
                                                 .environment = {{"COLOUR", "blue"}},
                                                 .directories = {{folder / "given", "/data"}}});
    EXPECT_EQ(r.exit_code, 7) << r.output << r.error;
    EXPECT_EQ(r.output,
              "[one two] blue\nwritten by Go, 13 bytes\nentry file2\noutside: true\n[1 4 9 16 25 36 49 64]\n");
    EXPECT_TRUE(std::filesystem::is_empty(folder / "given"));
  });
}

TEST(languages_go_test, input_is_copied_and_waiting_for_it_parks) {
  weft::test::run([] {
    raw_pipe in;
    result r;
    group g;
    g.spawn([&] { r = run_guest(load("go_tool"), {.arguments = {"cat"}, .input = stdio::descriptor(in.reader())}); });
    std::string sent;
    for (int i = 0; i < 100; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      write_text(in.writer(), line);
      sent += line;
      weft::yield();
    }
    in.close_writer();
    g.join();
    EXPECT_EQ(r.output, "[cat] \n" + sent);
    EXPECT_EQ(r.error, std::to_string(sent.size()) + " bytes\n");
  });
}

TEST(languages_go_test, a_panic_is_an_exit_code_with_its_own_trace) {
  weft::test::run([] {
    const result r = run_guest(load("go_tool"), {.arguments = {"panic"}});
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_THAT(r.error, HasSubstr("panic: on purpose"));
  });
}

TEST(languages_go_test, a_program_that_spins_is_ended_by_a_deadline) {
  weft::test::run([] {
    guest g(load("go_tool"), {.arguments = {"spin"}, .output = stdio::null()});
    EXPECT_THROW(with_deadline(20ms, [&] { g.run(); }), timeout_error);
  });
}

}  // namespace
}  // namespace weft::wasm::test
