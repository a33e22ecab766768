// Standard streams and terminals, by a pseudo-terminal.
#include "io_support.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "terminal_pair.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using terminal_test = io_test;

class pseudo_terminal : public terminal_pair {
 public:
  void type(std::string_view keys) const { write_all(screen(), std::as_bytes(std::span(keys))); }
  // What the screen shows, once that many bytes are there.
  [[nodiscard]] std::string shown(std::size_t bytes) const {
    std::string text(bytes, '\0');
    for (std::size_t n = 0; n < bytes;) n += io::read(screen(), std::as_writable_bytes(std::span(text).subspan(n)));
    return text;
  }
  [[nodiscard]] termios mode() const {
    termios m{};
    EXPECT_EQ(::tcgetattr(fd(), &m), 0);
    return m;
  }
  void set_size(unsigned short columns, unsigned short rows) const {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(screen(), TIOCSWINSZ, &size), 0);
  }
};

// An environment variable, put back at the end.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST_F(terminal_test, what_is_a_terminal_and_how_large) {
  const pseudo_terminal terminal;
  EXPECT_TRUE(is_terminal(terminal.fd()));
  EXPECT_EQ(size_of_terminal(terminal.fd()).has_value(), false) << "it does not know";
  terminal.set_size(132, 43);
  const std::optional<terminal_size> size = size_of_terminal(terminal.fd());
  ASSERT_TRUE(size);
  EXPECT_EQ(size->columns, 132);
  EXPECT_EQ(size->rows, 43);
  auto [reader, writer] = make_pipe();
  EXPECT_FALSE(is_terminal(reader.native_handle()));
  EXPECT_FALSE(size_of_terminal(reader.native_handle()));
  EXPECT_FALSE(is_terminal(-1));
}

TEST_F(terminal_test, colour_is_for_terminals_unless_somebody_objects) {
  const pseudo_terminal terminal;
  const variable kind("TERM", "xterm");
  const variable none("NO_COLOR", nullptr);
  EXPECT_TRUE(wants_colour(terminal.fd()));
  {
    const variable no("NO_COLOR", "1");
    EXPECT_FALSE(wants_colour(terminal.fd()));
    const variable empty("NO_COLOR", "");
    EXPECT_TRUE(wants_colour(terminal.fd()));
  }
  {
    const variable dumb("TERM", "dumb");
    EXPECT_FALSE(wants_colour(terminal.fd()));
  }
  auto [reader, writer] = make_pipe();
  EXPECT_FALSE(wants_colour(writer.native_handle()));
}

TEST_F(terminal_test, a_reader_of_a_terminal_waits_and_gets_lines) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      buffered_reader in(standard_input_stream(terminal.fd()));
      EXPECT_EQ(in.read_line(), "first");
      EXPECT_EQ(in.read_line(), "second");
      EXPECT_EQ(in.read_line(), std::nullopt) << "Ctrl-D";
    });
    yield_until([&] { return operations() > before; });
    terminal.type("first\nsec");
    terminal.type("ond\n\x04");
  });
}

TEST_F(terminal_test, a_reader_of_a_terminal_is_cancelled_and_loses_nothing) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    for (int i = 0; i < 10; ++i) {
      std::array<std::byte, 16> bytes{};
      const std::uint64_t before = operations();
      {
        group g;
        g.spawn([&] { standard_input_stream(terminal.fd()).read_some(bytes); });
        yield_until([&] { return operations() > before; });
        g.cancel();
      }
      terminal.type("line\n");
      EXPECT_EQ(standard_input_stream(terminal.fd()).read_some(bytes), 5U);
      EXPECT_EQ(text_of(std::span(bytes).first(5)), "line\n");
    }
  });
}

TEST_F(terminal_test, output_goes_to_the_screen) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    standard_output_stream(terminal.fd()).write_all("hello\n");
    EXPECT_EQ(terminal.shown(7), "hello\r\n");
    std::error_code error;
    EXPECT_EQ(standard_output_stream(-1).write_some(std::as_bytes(std::span("x")), error), 0U);
    EXPECT_EQ(error.value(), EBADF);
    std::array<std::byte, 1> byte{};
    const std::system_error e = error_of([&] { standard_input_stream(-1).read_some(byte); });
    EXPECT_NE(std::string_view(e.what()).find("cannot read from descriptor -1"), std::string_view::npos) << e.what();
  });
}

TEST_F(terminal_test, more_than_a_screen_takes_waits) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    constexpr std::size_t size = 100'000;
    group g;
    g.spawn([&] { standard_output_stream(terminal.fd()).write_all(std::string(size, 'x')); });
    EXPECT_EQ(terminal.shown(size), std::string(size, 'x'));
  });
}

TEST_F(terminal_test, who_waits_for_room_on_a_screen_is_cancelled) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] {
      for (;;) standard_output_stream(terminal.fd()).write_all(std::string(100'000, 'x'));
    });
    yield_until([&] { return operations() > before; });
    for (int i = 0; i < 1'000; ++i) weft::yield();
    g.cancel();
  });
}

TEST_F(terminal_test, files_and_pipes_stand_behind_standard_streams_as_well) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::read_write | open_mode::create);
    standard_output_stream(f.native_handle()).write_all("to a file\n");
    f.write_at(0, std::as_bytes(std::span(std::string_view("2"))));
    file again(folder / "data");
    buffered_reader in(standard_input_stream(again.native_handle()));
    EXPECT_EQ(in.read_line(), "2o a file");
    EXPECT_EQ(in.read_line(), std::nullopt);
    EXPECT_EQ(standard_input().native_handle(), 0);
    EXPECT_EQ(standard_output().native_handle(), 1);
    EXPECT_EQ(standard_error().native_handle(), 2);
  });
}

TEST_F(terminal_test, raw_mode_gives_keys_and_is_undone) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    const tcflag_t before = terminal.mode().c_lflag;
    try {
      const terminal_mode raw = terminal_mode::raw(terminal.fd());
      EXPECT_EQ(terminal.mode().c_lflag & (ICANON | ECHO | ISIG), 0U);
      terminal.type("k");
      std::array<std::byte, 8> bytes{};
      EXPECT_EQ(standard_input_stream(terminal.fd()).read_some(bytes), 1U) << "without a line's end";
      throw std::runtime_error("enough");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(terminal.mode().c_lflag, before);

    terminal_mode first = terminal_mode::raw(terminal.fd());
    {
      const terminal_mode moved = std::move(first);
      EXPECT_NE(terminal.mode().c_lflag, before);
    }
    EXPECT_EQ(terminal.mode().c_lflag, before);
    auto [reader, writer] = make_pipe();
    EXPECT_EQ(error_of([&, fd = reader.native_handle()] { (void)terminal_mode::raw(fd); }).code().value(), ENOTTY);
  });
}

TEST_F(terminal_test, a_password_is_read_unseen) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    group g;
    const task<std::string> asking = g.spawn([&] { return read_password("Password: ", terminal.fd()); });
    EXPECT_EQ(terminal.shown(10), "Password: ");
    terminal.type("secret\n");
    asking.wait();
    EXPECT_EQ(terminal.shown(2), "\r\n") << "and nothing of what was typed";
    EXPECT_NE(terminal.mode().c_lflag & ECHO, 0U);
  });
}

TEST_F(terminal_test, a_password_that_never_comes) {
  weft::test::run([] {
    const pseudo_terminal terminal;
    {
      group g;
      g.spawn([&] { (void)read_password("Password: ", terminal.fd()); });
      EXPECT_EQ(terminal.shown(10), "Password: ");
      g.cancel();
    }
    EXPECT_NE(terminal.mode().c_lflag & ECHO, 0U) << "the echo is back";
    group g;
    g.spawn([&] {
      EXPECT_EQ(error_of([&] { (void)read_password("Again: ", terminal.fd()); }).code().value(), ECONNABORTED);
    });
    EXPECT_EQ(terminal.shown(7), "Again: ");
    terminal.type("\x04");
    g.join();
    auto [reader, writer] = make_pipe();
    EXPECT_EQ(error_of([&, fd = reader.native_handle()] { (void)read_password("", fd); }).code().value(), ENOTTY);
  });
}

TEST_F(terminal_test, an_ordinary_thread_may_use_terminals) {
  const pseudo_terminal terminal;
  terminal.type("typed before\n");
  EXPECT_EQ(buffered_reader(standard_input_stream(terminal.fd())).read_line(), "typed before");
}

}  // namespace
}  // namespace weft::io::test
