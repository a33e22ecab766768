// Which engine a runtime gets, and that programs run where the kernel gives no rings.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "forbid.hpp"
#include "io_support.hpp"

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;

// TCP, files, pipes and time.
void use_everything() {
  tcp_listener listener{"127.0.0.1:0"};
  group g;
  g.spawn([&] {
    tcp_stream s = listener.accept();
    std::array<std::byte, 64> buffer{};
    while (const std::size_t n = s.read_some(buffer)) s.write_all({buffer.data(), n});
  });
  tcp_stream client = tcp_stream::connect(listener.local_address());
  std::array<std::byte, 4> answer{};
  client.write_all("echo");
  EXPECT_TRUE(client.read_exactly(answer));
  EXPECT_EQ(text_of(answer), "echo");
  client.shutdown_write();

  const temporary_folder folder;
  file out(folder / "data", open_mode::read_write | open_mode::create);
  out.write_all("written");
  out.sync();
  std::array<std::byte, 7> back{};
  EXPECT_EQ(out.read_at(0, back), 7U);
  EXPECT_EQ(text_of(back), "written");
  EXPECT_FALSE(file("/proc/self/status").read_rest().empty());

  auto [reader, writer] = make_pipe();
  EXPECT_THROW(with_deadline(2ms, [&reader, &back] { return reader.read_some(back); }), timeout_error);
  writer.write_all("pipe");
  EXPECT_EQ(reader.read_some(back), 4U);
  g.join();
}

// In a child process: exits with 0 if all of that works, and tells which engine did it and why.
[[noreturn]] void run_and_tell() {
  ::unsetenv("WEFT_IO");
  weft::test::run([] { use_everything(); });
  const engine_choice choice = last_engine_choice();
  std::fprintf(stderr, "%s%s: %s\n", choice.engine.c_str(), choice.is_fallback ? " as fallback" : "",
               choice.reason.c_str());
  ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

void forbid_rings(unsigned error) {
  forbid(SYS_io_uring_setup, error);
  forbid(SYS_io_uring_enter, error);
  forbid(SYS_io_uring_register, error);
}

// No memory may be locked; who was root is nobody.
void give_up_privileges() {
  constexpr uid_t nobody = 65534;
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) ::_exit(1);
  if (::getuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(1);
}

[[noreturn]] void insist() {
  ::setenv("WEFT_IO", "uring", 1);
  try {
    weft::test::run([] {});
  } catch (const std::system_error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    ::_exit(3);
  }
  ::_exit(0);
}

class fallback_test : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(fallback_test, under_a_filter_like_dockers) {
  EXPECT_EXIT(
      {
        forbid_rings(EPERM);
        run_and_tell();
      },
      testing::ExitedWithCode(0), "epoll as fallback: .*cannot have an io_uring. .*");
}

TEST_F(fallback_test, under_a_filter_that_hides_rings) {
  EXPECT_EXIT(
      {
        forbid_rings(ENOSYS);
        run_and_tell();
      },
      testing::ExitedWithCode(0), "epoll as fallback: .*The kernel has none");
}

TEST_F(fallback_test, where_rings_can_be_made_and_not_entered) {
  EXPECT_EXIT(
      {
        forbid(SYS_io_uring_enter, EPERM);
        run_and_tell();
      },
      testing::ExitedWithCode(0), "epoll as fallback");
}

TEST_F(fallback_test, where_epoll_knows_milliseconds_only) {
  for (const unsigned error : {unsigned{ENOSYS}, unsigned{EPERM}}) {
    EXPECT_EXIT(
        {
          forbid_rings(EPERM);
          forbid(SYS_epoll_pwait2, error);
          run_and_tell();
        },
        testing::ExitedWithCode(0), "epoll as fallback");
  }
}

TEST_F(fallback_test, with_no_memory_to_lock_and_no_privileges) {
  EXPECT_EXIT(
      {
        give_up_privileges();
        run_and_tell();
      },
      testing::ExitedWithCode(0), "io_uring|epoll as fallback");
}

TEST_F(fallback_test, is_not_for_those_who_insist) {
  EXPECT_EXIT(
      {
        forbid_rings(EPERM);
        insist();
      },
      testing::ExitedWithCode(3), "cannot have an io_uring");
}

// ---- the choice

std::string driver_with(const std::string& option) {
  options o = weft::test::test_options();
  o.io = option;
  runtime rt(o);
  EXPECT_EQ(rt.run([] { return std::string(current_driver()->name()); }), rt.statistics().drivers);
  return rt.statistics().drivers;
}

std::string refusal_of(const std::string& option) {
  try {
    driver_with(option);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

class environment_variable {
 public:
  explicit environment_variable(const char* value) {
    if (const char* before = std::getenv("WEFT_IO")) before_ = before;
    ::setenv("WEFT_IO", value, 1);
  }
  ~environment_variable() { before_.empty() ? ::unsetenv("WEFT_IO") : ::setenv("WEFT_IO", before_.c_str(), 1); }
  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;

 private:
  std::string before_;
};

TEST_F(fallback_test, the_option_wins_over_the_environment_which_wins_over_the_default) {
  const environment_variable empty("");
  EXPECT_EQ(driver_with(""), "io_uring");
  const environment_variable set("epoll");
  EXPECT_EQ(driver_with(""), "epoll");
  EXPECT_EQ(last_engine_choice().reason, "asked for by WEFT_IO");
  EXPECT_EQ(driver_with("uring"), "io_uring");
  EXPECT_EQ(last_engine_choice().reason, "asked for by options::io");
  EXPECT_EQ(driver_with("auto"), "io_uring");
}

TEST_F(fallback_test, a_word_that_is_no_engine_is_refused_with_its_origin) {
  EXPECT_EQ(refusal_of("iocp"), "weft: options::io is 'iocp'; it names an I/O engine: auto, uring or epoll");
  const environment_variable set("kqueue");
  EXPECT_EQ(refusal_of(""), "weft: WEFT_IO is 'kqueue'; it names an I/O engine: auto, uring or epoll");
}

}  // namespace
}  // namespace weft::io::test
