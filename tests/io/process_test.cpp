#include "io_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <csignal>
#include <thread>

#include <weft/sync/semaphore.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;

// A test that leaves a child behind, dead or alive, fails.
class process_test : public io_test {
 protected:
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child was left behind";
    EXPECT_EQ(errno, ECHILD);
    io_test::TearDown();
  }
};

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

// Ignores a signal while it exists.
class ignored_signal {
 public:
  explicit ignored_signal(int number) : number_(number) {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(number_, &ignore, &before_);
  }
  ~ignored_signal() { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_{};
};

TEST_F(process_test, a_command_gives_its_output_and_how_it_ended) {
  weft::test::run([] {
    const command_output ok = run_command({"echo", "hello", "world"});
    EXPECT_TRUE(ok.status.success());
    EXPECT_EQ(ok.output, "hello world\n");
    EXPECT_EQ(ok.errors, "");
    const command_output failed = run_command(shell("echo out; echo err >&2; exit 7"));
    EXPECT_EQ(failed.status, exit_status::exited(7));
    EXPECT_EQ(failed.status.code(), 7);
    EXPECT_EQ(failed.status.describe(), "exit code 7");
    EXPECT_EQ(failed.output, "out\n");
    EXPECT_EQ(failed.errors, "err\n");
    const command_output killed = run_command(shell("kill -9 $$"));
    EXPECT_EQ(killed.status.signal(), SIGKILL);
    EXPECT_FALSE(killed.status.success());
    EXPECT_EQ(killed.status.describe(), "killed by signal 9 (Killed)");
  });
}

TEST_F(process_test, what_cannot_be_run_is_an_error_of_the_start) {
  weft::test::run([] {
    const temporary_folder folder;
    const auto check = [](const std::vector<std::string>& arguments, int error, std::string_view words,
                          process_options o = {}) {
      const std::system_error e = error_of([&] { process p(arguments, o); });
      EXPECT_EQ(e.code().value(), error) << e.what();
      EXPECT_NE(std::string_view(e.what()).find(words), std::string_view::npos) << e.what();
      EXPECT_NE(std::string_view(e.what()).find("cannot run '" + arguments[0] + "'"), std::string_view::npos)
          << e.what();
    };
    check({"no-such-program-of-weft"}, ENOENT, "no directory of PATH");
    check({folder / "none"}, ENOENT, "No such file");
    write_file(folder / "text", "#!/bin/sh\necho hello\n");
    check({folder / "text"}, EACCES, "not executable");
    write_file(folder / "script", "#!/no/such/interpreter\n");
    set_permissions(folder / "script", std::filesystem::perms::owner_all);
    check({folder / "script"}, ENOENT, "interpreter");
    check({"true"}, ENOENT, "in the directory", {.directory = folder / "nowhere"});
    check({"true"}, ENOTDIR, "in the directory", {.directory = folder / "text"});
    EXPECT_THROW(process p(std::vector<std::string>{}), std::invalid_argument);
    EXPECT_THROW(process p({"true"}, {.output = with_output}), std::invalid_argument);
    EXPECT_EQ(error_of([] { process p({"true"}, {.output = redirection(9'999)}); }).code().value(), EBADF);
  });
}

TEST_F(process_test, directory_and_environment_are_those_asked_for) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::filesystem::path where = std::filesystem::canonical(folder / ".");
    EXPECT_EQ(run_command({"pwd"}, {.directory = where}).output, where.string() + "\n");
    EXPECT_EQ(run_command({"/usr/bin/env"}, {.environment = std::vector<std::string>{"A=1", "B=two words"}}).output,
              "A=1\nB=two words\n");
    EXPECT_NE(run_command({"env"}).output.find("PATH="), std::string::npos);
  });
}

TEST_F(process_test, a_child_gets_three_descriptors_and_nothing_else) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // NOLINT: deliberately without O_CLOEXEC
  weft::test::run([] {
    const file open_elsewhere("/proc/self/status");
    auto [reader, writer] = make_pipe();
    // ls has one more: the directory that it reads.
    EXPECT_EQ(run_command({"ls", "/proc/self/fd"}).output, "0\n1\n2\n3\n");
  });
  ::close(leaky);
}

TEST_F(process_test, a_child_has_no_signal_blocked_or_ignored) {
  const ignored_signal pipe(SIGPIPE);
  const ignored_signal hangup(SIGHUP);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto check = [] {
    const std::string text = run_command({"cat", "/proc/self/status"}).output;
    EXPECT_NE(text.find("SigBlk:\t0000000000000000"), std::string::npos) << text;
    // glibc keeps 32 and 33 to itself.
    const auto ignored = std::stoull(text.substr(text.find("SigIgn:") + 8), nullptr, 16);
    EXPECT_EQ(ignored & ~(3ULL << 31), 0U) << text;
  };
  check();
  weft::test::run(check);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(process_test, a_child_is_fed_and_read_through_pipes) {
  weft::test::run([] {
    process cat({"cat"}, {.input = piped, .output = piped});
    EXPECT_FALSE(cat.errors().is_open());
    EXPECT_EQ(::getpgid(cat.id()), cat.id()) << "it has a group of its own";
    group g;
    constexpr std::size_t size = 1'000'000;
    g.spawn([&] {
      cat.input().write_all(make_pattern(9, 0, size));
      cat.input().close();
    });
    const std::string back = buffered_reader(cat.output()).read_rest();
    EXPECT_EQ(back.size(), size);
    EXPECT_EQ(matching(std::as_bytes(std::span(back)), 9, 0), size);
    EXPECT_TRUE(cat.wait().success());
    EXPECT_FALSE(cat);
    EXPECT_EQ(error_of([&] { cat.wait(); }).code().value(), ECHILD);
  });
}

TEST_F(process_test, streams_go_where_they_are_sent) {
  weft::test::run([] {
    const temporary_folder folder;
    {
      const file out(folder / "out", open_mode::write | open_mode::create);
      process p(shell("echo out; echo err >&2"),
                {.input = to_nothing, .output = out.native_handle(), .errors = with_output});
      EXPECT_TRUE(p.wait().success());
    }
    EXPECT_EQ(read_file(folder / "out"), "out\nerr\n");
    process both(shell("echo out; echo err >&2"), {.output = piped, .errors = with_output});
    EXPECT_EQ(buffered_reader(both.output()).read_rest(), "out\nerr\n");
    EXPECT_TRUE(both.wait().success());
    const std::string big(300'000, 'i');
    EXPECT_EQ(run_command({"cat"}, {.input = big}).output, big);
    EXPECT_TRUE(run_command({"true"}, {.input = big}).status.success()) << "a child that does not read";
    EXPECT_EQ(run_command({"cat"}).output, "");
  });
}

TEST_F(process_test, much_on_both_streams_at_once_and_a_limit) {
  weft::test::run([] {
    const command_output o =
        run_command(shell("head -c 500000 /dev/zero >&2; head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2"));
    EXPECT_EQ(o.output.size(), 500'000U);
    EXPECT_EQ(o.errors.size(), 1'000'000U);
    const std::system_error e = error_of([] { (void)run_command({"yes"}, {.limit = 100'000}); });
    EXPECT_EQ(e.code().value(), EMSGSIZE);
    EXPECT_NE(std::string_view(e.what()).find("100000 bytes"), std::string_view::npos) << e.what();
  });
}

TEST_F(process_test, waiting_does_not_keep_the_worker) {
  weft::test::run([] {
    process sleeper({"sleep", "1000"});
    const std::uint64_t before = operations();
    group g;
    g.spawn([&] { EXPECT_EQ(sleeper.wait(), exit_status::killed(SIGINT)); });
    yield_until([&] { return operations() > before; });
    sleeper.kill(SIGINT);
    g.join();
    sleeper.kill(SIGINT);
    EXPECT_EQ(error_of([] { process({"sleep", "1000"}).kill(12345); }).code().value(), EINVAL);
  });
}

TEST_F(process_test, waiting_for_a_while_leaves_the_child_running) {
  weft::test::run([] {
    process sleeper({"sleep", "1000"});
    EXPECT_EQ(sleeper.wait_for(1ms), std::nullopt);
    EXPECT_EQ(sleeper.try_wait(), std::nullopt);
    EXPECT_EQ(::kill(sleeper.id(), 0), 0);
    sleeper.kill_group(SIGKILL);
    EXPECT_EQ(sleeper.wait_for(1h), exit_status::killed(SIGKILL));
    process quick({"true"});
    std::optional<exit_status> ended;
    yield_until([&] { return (ended = quick.try_wait()).has_value(); });
    EXPECT_TRUE(ended->success());
  });
}

TEST_F(process_test, a_cancelled_wait_ends_the_child) {
  weft::test::run([] {
    const std::uint64_t before = operations();
    int id = 0;
    {
      group g;
      g.spawn([&] {
        process sleeper({"sleep", "1000"});
        id = sleeper.id();
        sleeper.wait();
        ADD_FAILURE() << "it was not cancelled";
      });
      yield_until([&] { return operations() > before; });
      g.cancel();
    }
    EXPECT_EQ(::kill(id, 0), -1) << "it is gone, and reaped";
    EXPECT_THROW(with_deadline(5ms, [] { (void)run_command({"sleep", "1000"}); }), timeout_error);
  });
}

TEST_F(process_test, a_child_that_does_not_want_to_end_is_killed_with_its_group) {
  weft::test::run([] {
    // The child that a shell starts keeps the pipe open, so its end is the end of the pipe.
    const std::string stubborn = "trap '' TERM; sleep 1000 & echo ready; while :; do wait; done";
    pipe_reader output;
    {
      process p(shell(stubborn), {.output = piped, .grace = 20ms});
      output = std::move(p.output());
      EXPECT_EQ(buffered_reader(output).read_line(), "ready");
    }
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(output.read_some(byte), 0U) << "nobody is left to write";

    process p(shell(stubborn), {.output = piped, .grace = 1ms});
    EXPECT_EQ(buffered_reader(p.output()).read_line(), "ready");
    EXPECT_EQ(p.terminate(), exit_status::killed(SIGKILL));
    EXPECT_FALSE(p);
    EXPECT_EQ(p.output().read_some(byte), 0U);
  });
}

TEST_F(process_test, a_child_may_end_in_order_when_it_is_asked_to) {
  weft::test::run([] {
    process p(shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done"),
              {.output = piped, .grace = 1h});
    buffered_reader output(p.output());
    EXPECT_EQ(output.read_line(), "ready");
    EXPECT_EQ(p.terminate(), exit_status::exited(3));
    EXPECT_EQ(output.read_line(), "bye");
  });
}

TEST_F(process_test, moving_hands_the_child_over_and_ends_the_one_that_was_there) {
  weft::test::run([] {
    process a({"sleep", "1000"});
    process b({"sleep", "1000"});
    const int first = a.id();
    const int second = b.id();
    a = std::move(b);
    EXPECT_EQ(a.id(), second);
    EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_EQ(::kill(first, 0), -1);
    process c = std::move(a);
    EXPECT_EQ(c.terminate(), exit_status::killed(SIGTERM));
  });
}

TEST_F(process_test, a_thousand_children_some_at_a_time) {
  weft::test::run([] {
    const int children = weft::test::rounds(1'000);
    counting_semaphore<> at_once(8);
    std::atomic<int> right{0};
    group g;
    for (int i = 0; i < children; ++i) {
      g.spawn([&, i] {
        at_once.acquire();
        process p(shell("exit " + std::to_string(i % 256)));
        if (p.wait() == exit_status::exited(i % 256)) ++right;
        at_once.release();
      });
    }
    g.join();
    EXPECT_EQ(right, children);
  });
}

TEST_F(process_test, an_ordinary_thread_may_have_children) {
  EXPECT_EQ(run_command({"echo", "hello"}).output, "hello\n");
  {
    const process sleeper({"sleep", "1000"});
  }
  process p({"sleep", "1000"}, {.own_group = false});
  EXPECT_EQ(p.wait_for(1ms), std::nullopt);
  p.kill_group(SIGTERM);
  EXPECT_EQ(p.wait(), exit_status::killed(SIGTERM));
}

}  // namespace
}  // namespace weft::io::test
