// Standard streams: waiting on them costs no worker, and lines of several guests do not mix.
#include "wasm_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

// On one worker this only works if the guest that waits for input does not keep the worker.
TEST(streams_test, a_guest_that_waits_for_input_parks) {
  weft::test::run([] {
    raw_pipe in;
    raw_pipe out;
    group g;
    g.spawn([&] {
      guest(load("tool"),
            {.arguments = {"cat"}, .input = stdio::descriptor(in.reader()), .output = stdio::descriptor(out.writer())})
          .run();
      out.close_writer();
    });
    EXPECT_EQ(read_until(out.reader(), "ready\n"), "ready\n");
    for (int i = 0; i < 100; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      write_text(in.writer(), line);
      EXPECT_EQ(read_until(out.reader(), "\n"), line);
    }
    in.close_writer();
    EXPECT_EQ(read_to_end(out.reader()), "");
    g.join();
  });
}

// The pipe takes 64 KiB; the rest waits until it is read.
TEST(streams_test, a_guest_that_waits_for_room_in_a_pipe_parks) {
  weft::test::run([] {
    const scratch_folder folder;
    const std::string content(std::size_t{1} << 20, 'x');
    write_file(folder / "large", content);
    const int fd = ::open((folder / "large").c_str(), O_RDONLY | O_CLOEXEC);
    raw_pipe out;
    group g;
    g.spawn([&] {
      guest(load("tool"),
            {.arguments = {"cat"}, .input = stdio::descriptor(fd), .output = stdio::descriptor(out.writer())})
          .run();
      out.close_writer();
    });
    EXPECT_EQ(read_to_end(out.reader()).size(), content.size() + 6);
    g.join();
    ::close(fd);
  });
}

TEST(streams_test, a_closed_pipe_is_an_error_for_the_guest_and_no_signal_for_the_host) {
  weft::test::run([] {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    ::close(ends[0]);
    guest g(load("tool"), {.arguments = {"cat"}, .output = stdio::descriptor(ends[1])});
    EXPECT_EQ(g.run(), 1);
    ::close(ends[1]);
  });
}

// Each guest writes lines in pieces, and at last a piece without a newline, which is ended for it.
void expect_whole_lines(const std::string& output, int guests, int lines) {
  std::map<std::string, int> next;
  int unfinished = 0;
  std::istringstream all(output);
  for (std::string line; std::getline(all, line);) {
    if (line == "end") {
      ++unfinished;
      continue;
    }
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_EQ(line, name + " line " + std::to_string(next[name]++));
  }
  EXPECT_EQ(unfinished, guests);
  EXPECT_EQ(next.size(), static_cast<std::size_t>(guests));
  for (const auto& [name, n] : next) EXPECT_EQ(n, lines) << name;
}

TEST(streams_test, lines_of_guests_that_share_a_stream_do_not_mix) {
  weft::test::run([] {
    raw_pipe out;
    std::string output;
    group reading;
    reading.spawn([&] { output = read_to_end(out.reader()); });
    group writers;
    for (int i = 0; i < 8; ++i) {
      writers.spawn([&out, i] {
        guest(load("tool"),
              {.arguments = {"lines", "g" + std::to_string(i), "40"}, .output = stdio::descriptor_lines(out.writer())})
            .run();
      });
    }
    writers.join();
    out.close_writer();
    reading.join();
    expect_whole_lines(output, 8, 40);
  });
}

// A FIFO has two ends; opening one without the other must not keep the worker.
TEST(streams_test, fifos_beneath_a_directory_connect_guests) {
  weft::test::run([] {
    const scratch_folder folder;
    ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
    group g;
    result reader;
    g.spawn([&] { reader = run_tool_in(folder.path(), {"read", "/data/fifo"}); });
    g.spawn([&] { EXPECT_EQ(run_tool_in(folder.path(), {"append", "/data/fifo", "through"}).exit_code, 0); });
    g.join();
    EXPECT_EQ(reader.output, "through");
  });
}

TEST(streams_test, a_guest_at_a_fifo_without_another_end_can_be_cancelled) {
  weft::test::run([] {
    const scratch_folder folder;
    ASSERT_EQ(::mkfifo((folder / "in").c_str(), 0600), 0);
    ASSERT_EQ(::mkfifo((folder / "out").c_str(), 0600), 0);
    group g;
    g.spawn([&] { run_tool_in(folder.path(), {"read", "/data/in"}); });
    g.spawn([&] { run_tool_in(folder.path(), {"append", "/data/out", "x"}); });
    for (int i = 0; i < 1000; ++i) weft::yield();
    g.cancel();
  });
}

}  // namespace
}  // namespace weft::wasm::test
