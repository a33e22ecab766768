// Programs: exit codes, arguments, environment, and what nobody gave them.
#include "wasm_support.hpp"

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(run_test, an_exit_code_comes_back) {
  weft::test::run([] {
    EXPECT_EQ(run_tool({"exit", "0"}).exit_code, 0);
    EXPECT_EQ(run_tool({"exit", "1"}).exit_code, 1);
    EXPECT_EQ(run_tool({"exit", "77"}).exit_code, 77);
    EXPECT_EQ(run_tool({"exit", "255"}).exit_code, 255);
  });
}

TEST(run_test, a_program_that_just_returns_has_exit_code_zero) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module (func (export "_start"))))");
    EXPECT_EQ(guest(m).run(), 0);
  });
}

TEST(run_test, arguments_and_environment_arrive_and_nothing_else) {
  weft::test::run([] {
    const result r = run_tool({"show", "two words", "", "\xc3\xa4"},
                              {.environment = {{"COLOUR", "red"}, {"EMPTY", ""}}, .name = "own name"});
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.output,
              "argument 0: own name\nargument 1: show\nargument 2: two words\nargument 3: \n"
              "argument 4: \xc3\xa4\nenvironment: COLOUR=red\nenvironment: EMPTY=\n");
    const result bare = run_tool({"show"});
    EXPECT_THAT(bare.output, Not(HasSubstr("environment")));
    EXPECT_THAT(bare.output, HasSubstr("argument 0: tool.wasm\n"));
  });
}

TEST(run_test, without_directories_there_are_no_files) {
  weft::test::run([] {
    EXPECT_THAT(run_tool({"read", "/etc/passwd"}).output, HasSubstr("open: errno"));
    EXPECT_THAT(run_tool({"write", "x", "text"}).output, HasSubstr("open: errno"));
  });
}

TEST(run_test, input_is_empty_unless_given) {
  weft::test::run([] {
    EXPECT_EQ(run_tool({"cat"}).output, "ready\n");
    EXPECT_EQ(run_tool({"cat"}, {.input = stdio::text("some\ninput")}).output, "ready\nsome\ninput");
  });
}

TEST(run_test, a_guest_object_runs_as_often_as_one_likes_afresh_each_time) {
  weft::test::run([] {
    const wasm::module m = assemble_module(R"((module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $exit (i32.load (i32.const 0))))))");
    guest g(m);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(g.run(), 1);
  });
}

TEST(run_test, a_guest_also_runs_on_an_ordinary_thread) {
  EXPECT_EQ(run_tool({"exit", "5"}).exit_code, 5);
  EXPECT_EQ(run_tool({"sleep", "2"}).output, "sleeping\nawake\n");
  raw_pipe in;
  ASSERT_EQ(::write(in.writer(), "text", 4), 4);
  in.close_writer();
  EXPECT_EQ(run_tool({"cat"}, {.input = stdio::descriptor(in.reader())}).output, "ready\ntext");
}

TEST(run_test, options_that_make_no_sense_are_refused) {
  weft::test::run([] {
    const wasm::module m = load("tool");
    using namespace std::string_literals;
    EXPECT_THROW(guest(m, {.arguments = {"a\0b"s}}), std::invalid_argument);
    EXPECT_THROW(guest(m, {.environment = {{"A=B", "c"}}}), std::invalid_argument);
    EXPECT_THROW(guest(m, {.environment = {{"", "c"}}}), std::invalid_argument);
    guest missing(m, {.directories = {{"/no/such/folder", "/data"}}});
    try {
      missing.run();
      FAIL() << "ran";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::no_such_file_or_directory);
      EXPECT_THAT(e.what(), HasSubstr("'/no/such/folder'"));
    }
  });
}

TEST(run_test, statistics_tell_what_a_run_took) {
  weft::test::run([] {
    guest g(load("tool"), {.arguments = {"sleep", "1"}, .output = stdio::null()});
    g.run();
    EXPECT_GE(g.statistics().waits, 1U);
    EXPECT_GE(g.statistics().peak_memory, 64_KiB);
  });
}

TEST(run_test, a_signal_raised_ends_the_program_as_a_signal_would) {
  weft::test::run([] {
    EXPECT_EQ(run_guest(load("wasi_calls"), {.arguments = {"raise", "6"}}).exit_code, 134);
    EXPECT_EQ(run_guest(load("wasi_calls"), {.arguments = {"raise", "15"}}).exit_code, 143);
    EXPECT_EQ(run_guest(load("wasi_calls"), {.arguments = {"raise", "0"}}).output, "still here\n");
  });
}

}  // namespace
}  // namespace weft::wasm::test
