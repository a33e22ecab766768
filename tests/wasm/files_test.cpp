// Files and directories beneath those that were given.
#include "wasm_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

TEST(files_test, files_are_read_written_and_listed) {
  weft::test::run([] {
    const scratch_folder folder;
    write_file(folder / "in", "from the host");
    EXPECT_EQ(run_tool_in(folder.path(), {"read", "/data/in"}).output, "from the host");
    EXPECT_EQ(run_tool_in(folder.path(), {"write", "/data/out", "from the guest"}).exit_code, 0);
    EXPECT_EQ(read_file(folder / "out"), "from the guest");
    EXPECT_EQ(run_tool_in(folder.path(), {"append", "/data/out", ", twice"}).exit_code, 0);
    EXPECT_EQ(read_file(folder / "out"), "from the guest, twice");
    EXPECT_EQ(run_tool_in(folder.path(), {"write", "/data/out", "anew"}).exit_code, 0);
    EXPECT_EQ(read_file(folder / "out"), "anew");
    EXPECT_EQ(run_tool_in(folder.path(), {"stat", "/data/in"}).output, "file of 13 bytes\n");
    const std::string listing = run_tool_in(folder.path(), {"list", "/data"}).output;
    EXPECT_THAT(listing, HasSubstr(".\n..\n"));
    EXPECT_THAT(listing, HasSubstr("in\n"));
    EXPECT_THAT(listing, HasSubstr("out\n"));
  });
}

TEST(files_test, names_are_changed) {
  weft::test::run([] {
    const scratch_folder folder;
    write_file(folder / "a", "content");
    EXPECT_EQ(run_tool_in(folder.path(), {"mkdir", "/data/dir"}).exit_code, 0);
    EXPECT_EQ(run_tool_in(folder.path(), {"rename", "/data/a", "/data/dir/b"}).exit_code, 0);
    EXPECT_EQ(read_file(folder / "dir/b"), "content");
    EXPECT_EQ(run_tool_in(folder.path(), {"link", "/data/dir/b", "/data/hard"}).exit_code, 0);
    EXPECT_EQ(run_tool_in(folder.path(), {"symlink", "dir/b", "/data/soft"}).exit_code, 0);
    EXPECT_EQ(run_tool_in(folder.path(), {"readlink", "/data/soft"}).output, "dir/b\n");
    EXPECT_EQ(run_tool_in(folder.path(), {"read", "/data/soft"}).output, "content");
    EXPECT_THAT(run_tool_in(folder.path(), {"rmdir", "/data/dir"}).output, HasSubstr("errno 55"));
    EXPECT_EQ(run_tool_in(folder.path(), {"unlink", "/data/dir/b"}).exit_code, 0);
    EXPECT_EQ(run_tool_in(folder.path(), {"rmdir", "/data/dir"}).exit_code, 0);
    EXPECT_EQ(read_file(folder / "hard"), "content");
  });
}

TEST(files_test, several_directories_under_their_own_names) {
  weft::test::run([] {
    const scratch_folder a;
    const scratch_folder b;
    write_file(a / "file", "in a");
    write_file(b / "file", "in b");
    const guest_options both{.directories = {{a.path(), "/first"}, {b.path(), "/second", access::read}}};
    EXPECT_EQ(run_tool({"read", "/first/file"}, both).output, "in a");
    EXPECT_EQ(run_tool({"read", "/second/file"}, both).output, "in b");
    EXPECT_EQ(run_tool({"write", "/first/new", "x"}, both).exit_code, 0);
    EXPECT_THAT(run_tool({"write", "/second/new", "x"}, both).output, HasSubstr("errno 69"));
  });
}

TEST(files_test, nothing_changes_in_a_read_only_directory) {
  weft::test::run([] {
    const scratch_folder folder;
    std::filesystem::create_directory(folder / "dir");
    write_file(folder / "file", "content");
    const std::vector<std::vector<std::string>> attempts = {{"write", "/data/file", "x"},
                                                            {"write", "/data/new", "x"},
                                                            {"append", "/data/file", "x"},
                                                            {"mkdir", "/data/new"},
                                                            {"rmdir", "/data/dir"},
                                                            {"unlink", "/data/file"},
                                                            {"rename", "/data/file", "/data/b"},
                                                            {"link", "/data/file", "/data/b"},
                                                            {"symlink", "file", "/data/b"}};
    for (const auto& attempt : attempts) {
      const result r = run_tool_in(folder.path(), attempt, access::read);
      EXPECT_THAT(r.output, HasSubstr("errno 69")) << attempt[0];
    }
    EXPECT_EQ(run_tool_in(folder.path(), {"read", "/data/file"}, access::read).output, "content");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
    EXPECT_EQ(read_file(folder / "file"), "content");
  });
}

TEST(files_test, large_files_pass_whole) {
  weft::test::run([] {
    const scratch_folder folder;
    std::string content;
    for (int i = 0; content.size() < (20 << 20); ++i) content += std::to_string(i) + " ";
    write_file(folder / "large", content);
    const int fd = ::open((folder / "large").c_str(), O_RDONLY | O_CLOEXEC);
    const int out = ::open((folder / "copy").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    guest g(load("tool"), {.arguments = {"cat"}, .input = stdio::descriptor(fd), .output = stdio::descriptor(out)});
    EXPECT_EQ(g.run(), 0);
    ::close(fd);
    ::close(out);
    EXPECT_EQ(read_file(folder / "copy"), "ready\n" + content);
  });
}

}  // namespace
}  // namespace weft::wasm::test
