// Guests that try to get out of what they were given.
#include "wasm_support.hpp"

#include <sys/stat.h>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

// What a guest sees of the world: a folder, with a secret beside it.
struct world {
  scratch_folder top;
  std::filesystem::path inside = top / "inside";

  world() {
    std::filesystem::create_directory(inside);
    std::filesystem::create_directory(inside / "dir");
    std::filesystem::create_directory(top / "outside");
    write_file(top / "secret", "secret");
    write_file(inside / "open", "open");
  }

  result attempt(std::vector<std::string> arguments) const { return run_tool_in(inside, std::move(arguments)); }

  // The attempt fails, and nothing of the secret comes back.
  void expect_refused(std::vector<std::string> arguments) const {
    const std::string what = arguments[0] + " " + arguments[1];
    const result r = attempt(std::move(arguments));
    EXPECT_NE(r.exit_code, 0) << what;
    EXPECT_THAT(r.output, HasSubstr("errno")) << what;
    EXPECT_THAT(r.output, testing::Not(HasSubstr("secret"))) << what;
  }
};

TEST(sandbox_test, dots_do_not_lead_out) {
  weft::test::run([] {
    const world w;
    for (const char* path : {"/data/../secret", "/data/dir/../../secret", "/data/./..//secret", "../secret", "/data/..",
                             "/data/dir/../../../../../../../../../etc/passwd"}) {
      w.expect_refused({"read", path});
      w.expect_refused({"stat", path});
    }
    w.expect_refused({"write", "/data/../new", "x"});
    w.expect_refused({"mkdir", "/data/../new"});
    w.expect_refused({"unlink", "/data/../secret"});
    w.expect_refused({"rename", "/data/open", "/data/../stolen"});
    w.expect_refused({"rename", "/data/../secret", "/data/stolen"});
    w.expect_refused({"link", "/data/../secret", "/data/stolen"});
    w.expect_refused({"list", "/data/.."});
    EXPECT_EQ(w.attempt({"read", "/data/dir/../open"}).output, "open");
    EXPECT_EQ(read_file(w.top / "secret"), "secret");
  });
}

TEST(sandbox_test, absolute_paths_do_not_lead_out) {
  weft::test::run([] {
    const world w;
    w.expect_refused({"read", "/etc/passwd"});
    w.expect_refused({"read", (w.top / "secret").string()});
    w.expect_refused({"write", (w.top / "new").string(), "x"});
    w.expect_refused({"list", "/"});
  });
}

TEST(sandbox_test, symbolic_links_of_the_host_do_not_lead_out) {
  weft::test::run([] {
    const world w;
    std::filesystem::create_symlink("../secret", w.inside / "relative");
    std::filesystem::create_symlink(w.top / "secret", w.inside / "absolute");
    std::filesystem::create_symlink("..", w.inside / "up");
    std::filesystem::create_symlink(w.top / "outside", w.inside / "elsewhere");
    std::filesystem::create_symlink("/proc/self/root", w.inside / "magic");
    for (const char* path : {"/data/relative", "/data/absolute", "/data/up/secret", "/data/magic/etc/passwd"}) {
      w.expect_refused({"read", path});
      w.expect_refused({"stat", path});
      w.expect_refused({"write", path, "overwritten"});
    }
    w.expect_refused({"list", "/data/up"});
    w.expect_refused({"write", "/data/elsewhere/new", "x"});
    w.expect_refused({"mkdir", "/data/up/new"});
    w.expect_refused({"rename", "/data/open", "/data/elsewhere/open"});
    w.expect_refused({"link", "/data/up/secret", "/data/hard"});
    EXPECT_EQ(read_file(w.top / "secret"), "secret");
    EXPECT_TRUE(std::filesystem::is_empty(w.top / "outside"));
  });
}

TEST(sandbox_test, links_that_guests_make_do_not_lead_out) {
  weft::test::run([] {
    const world w;
    EXPECT_EQ(w.attempt({"symlink", "../secret", "/data/mine"}).exit_code, 0);
    w.expect_refused({"read", "/data/mine"});
    w.expect_refused({"symlink", "/etc/passwd", "/data/absolute"});
    EXPECT_FALSE(std::filesystem::is_symlink(w.inside / "absolute"));
    EXPECT_EQ(w.attempt({"symlink", "../..", "/data/dir/up"}).exit_code, 0);
    w.expect_refused({"read", "/data/dir/up/secret"});
  });
}

// Removing a link removes the link.
TEST(sandbox_test, operations_on_a_link_do_not_reach_what_it_points_to) {
  weft::test::run([] {
    const world w;
    std::filesystem::create_symlink("../secret", w.inside / "soft");
    std::filesystem::create_directory_symlink("../outside", w.inside / "softdir");
    EXPECT_EQ(w.attempt({"rename", "/data/soft", "/data/soft2"}).exit_code, 0);
    EXPECT_EQ(w.attempt({"unlink", "/data/soft2"}).exit_code, 0);
    w.expect_refused({"rmdir", "/data/softdir"});
    w.expect_refused({"rmdir", "/data/softdir/"});
    EXPECT_EQ(read_file(w.top / "secret"), "secret");
    EXPECT_TRUE(std::filesystem::is_directory(w.top / "outside"));
  });
}

}  // namespace
}  // namespace weft::wasm::test
