// WASI preview 1, function by function; the checks are in the guest (guests/wasi_calls*.c).
#include "wasm_support.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::wasm::test {
namespace {

class wasi_calls_test : public testing::TestWithParam<const char*> {};

TEST_P(wasi_calls_test, answers_as_specified) {
  weft::test::run([] {
    const scratch_folder folder;
    const result r =
        run_guest(load("wasi_calls"),
                  {.arguments = {GetParam()}, .directories = {{folder.path(), "/"}}, .input = stdio::text("")});
    EXPECT_EQ(r.exit_code, 0) << r.output;
    EXPECT_EQ(r.output, "");
  });
}

INSTANTIATE_TEST_SUITE_P(groups, wasi_calls_test,
                         testing::Values("descriptors", "files", "directories", "links", "paths", "rights", "clocks",
                                         "polling", "pointers"),
                         [](const auto& group) { return std::string(group.param); });

TEST(wasi_calls_on_sockets_test, answer_as_specified) {
  weft::test::run([] {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    std::array<int, 2> pair{-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    write_text(pair[1], "hello");
    const result r = run_guest(load("wasi_calls"), {.arguments = {"sockets"}, .sockets = {listener, pair[0]}});
    ::close(listener);
    ::close(pair[0]);
    EXPECT_EQ(r.output, "");
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(read_to_end(pair[1]), "answeranswer");
    ::close(pair[1]);
  });
}

TEST(wasi_calls_on_directories_test, one_that_is_read_only_is_not_changed) {
  weft::test::run([] {
    const scratch_folder folder;
    std::filesystem::create_directories(folder / "dir/inner");
    write_file(folder / "file", "content");
    const result r = run_guest(load("wasi_calls"),
                               {.arguments = {"read only"}, .directories = {{folder.path(), "/", access::read}}});
    EXPECT_EQ(r.output, "");
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(read_file(folder / "file"), "content");
  });
}

// Programs that move files copy them when they learn that there are two file systems.
TEST(wasi_calls_on_directories_test, two_file_systems_are_told_from_a_way_out) {
  weft::test::run([] {
    const scratch_folder folder;
    // /proc is one of its own wherever this runs, and takes no new names.
    const result r = run_guest(load("wasi_calls"), {.arguments = {"two file systems"},
                                                    .directories = {{folder.path(), "/"}, {"/proc", "/second"}}});
    EXPECT_EQ(r.output, "");
    EXPECT_EQ(r.exit_code, 0);
  });
}

}  // namespace
}  // namespace weft::wasm::test
