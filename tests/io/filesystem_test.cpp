#include "io_support.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using filesystem_test = io_test;
namespace fs = std::filesystem;

TEST_F(filesystem_test, status_tells_what_is_there) {
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "file", "12345");
    make_link("file", folder / "link");
    make_hard_link(folder / "file", folder / "second");
    const file_status f = io::status(folder / "file");
    EXPECT_TRUE(f.is_regular_file());
    EXPECT_EQ(f.size, 5U);
    EXPECT_EQ(f.links, 2U);
    EXPECT_TRUE(io::status(folder / "link").is_same_file(f));
    EXPECT_TRUE(io::status(folder / "second").is_same_file(f));
    EXPECT_TRUE(link_status(folder / "link").is_symlink());
    EXPECT_EQ(read_link(folder / "link"), "file");
    EXPECT_TRUE(io::status(folder / ".").is_directory());
    EXPECT_FALSE(io::status(folder / ".").is_same_file(f));
    EXPECT_EQ(status("/dev/null").type, fs::file_type::character);
    EXPECT_TRUE(io::exists(folder / "link"));
    EXPECT_FALSE(io::exists(folder / "none"));
    EXPECT_FALSE(io::exists(folder / "file" / "below a file"));
  });
}

TEST_F(filesystem_test, renaming_removing_and_making) {
  weft::test::run([] {
    const temporary_folder folder;
    EXPECT_TRUE(make_directory(folder / "a"));
    EXPECT_FALSE(make_directory(folder / "a"));
    EXPECT_TRUE(make_directories(folder / "a" / "b" / "c"));
    EXPECT_FALSE(make_directories(folder / "a" / "b" / "c"));
    write_file(folder / "one", "1");
    write_file(folder / "two", "2");
    io::rename(folder / "one", folder / "two");
    EXPECT_EQ(read_file(folder / "two"), "1");
    EXPECT_TRUE(io::remove(folder / "two"));
    EXPECT_FALSE(io::remove(folder / "two"));
    EXPECT_EQ(error_of([&] { io::remove(folder / "a"); }).code().value(), ENOTEMPTY);
  });
}

TEST_F(filesystem_test, permissions_and_times) {
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "file", "x");
    set_permissions(folder / "file", fs::perms::owner_read);
    EXPECT_EQ(io::status(folder / "file").permissions, fs::perms::owner_read);
    const file_time then = file_time(std::chrono::seconds(1'000'000'000)) + 123'456'789ns;
    const file_time accessed = io::status(folder / "file").accessed;
    set_times(folder / "file", std::nullopt, then);
    EXPECT_EQ(io::status(folder / "file").modified, then);
    EXPECT_EQ(io::status(folder / "file").accessed, accessed);
    set_times(folder / "file", file_time(-1ns), std::nullopt);
    EXPECT_EQ(io::status(folder / "file").accessed, file_time(-1ns)) << "before 1970";
  });
}

TEST_F(filesystem_test, errors_name_the_paths_in_both_forms) {
  weft::test::run([] {
    const temporary_folder folder;
    const fs::path none = folder / "none";
    const auto check = [&](auto&& f) {
      const std::system_error e = error_of(f);
      EXPECT_EQ(e.code().value(), ENOENT) << e.what();
      EXPECT_NE(std::string_view(e.what()).find(none.string()), std::string_view::npos) << e.what();
    };
    check([&] { (void)io::status(none); });
    check([&] { (void)link_status(none); });
    check([&] { io::rename(none, folder / "other"); });
    check([&] { make_directory(none / "below"); });
    check([&] { (void)read_link(none); });
    check([&] { make_link("x", none / "link"); });
    check([&] { make_hard_link(none, folder / "name"); });
    check([&] { set_permissions(none, fs::perms::all); });
    check([&] { set_times(none, {}, file_time()); });
    check([&] { io::copy_file(none, folder / "copy"); });
    check([&] { directory d(none); });
    check([&] { tree_walk w(none); });

    std::error_code error;
    const auto reports = [&] { return std::exchange(error, {}).value(); };
    (void)io::status(none, error);
    EXPECT_EQ(reports(), ENOENT);
    io::rename(none, folder / "other", error);
    EXPECT_EQ(reports(), ENOENT);
    EXPECT_FALSE(io::remove(none, error));
    EXPECT_EQ(reports(), 0);
    EXPECT_EQ(io::remove_all(none, error), 0U);
    EXPECT_EQ(reports(), 0);
    make_directory(none / "below", error);
    EXPECT_EQ(reports(), ENOENT);
    (void)read_link(none, error);
    EXPECT_EQ(reports(), ENOENT);
    make_link("x", none / "link", error);
    EXPECT_EQ(reports(), ENOENT);
    make_hard_link(none, folder / "name", error);
    EXPECT_EQ(reports(), ENOENT);
    set_permissions(none, fs::perms::all, error);
    EXPECT_EQ(reports(), ENOENT);
    set_times(none, {}, file_time(), error);
    EXPECT_EQ(reports(), ENOENT);
    EXPECT_EQ(io::copy_file(none, folder / "copy", {}, error), 0U);
    EXPECT_EQ(reports(), ENOENT);
    EXPECT_FALSE(io::exists(none, error));
    EXPECT_EQ(reports(), 0);
    EXPECT_EQ(read_file(folder / "none", error), "");
    EXPECT_EQ(reports(), ENOENT);
  });
}

// ---------------------------------------------------------------------------------------------------- remove_all

void make_tree(const fs::path& root, int width, int depth) {
  fs::create_directory(root);
  for (int i = 0; i < width; ++i) {
    write_file(root / ("file " + std::to_string(i)), "x");
    if (depth > 1) make_tree(root / ("directory " + std::to_string(i)), width, depth - 1);
  }
}

TEST_F(filesystem_test, remove_all_removes_all_and_follows_nothing) {
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "outside", "stays");
    make_tree(folder / "tree", 6, 3);
    fs::create_symlink(folder / "outside", folder / "tree" / "link to a file");
    fs::create_directory_symlink("..", folder / "tree" / "link to a directory");
    EXPECT_EQ(io::remove_all(folder / "tree"), 6U + 36 + 216 + 6 + 36 + 1 + 2);
    EXPECT_FALSE(fs::exists(folder / "tree"));
    EXPECT_TRUE(fs::exists(folder / "outside"));
    EXPECT_EQ(io::remove_all(folder / "outside"), 1U);
    EXPECT_EQ(io::remove_all(folder / "outside"), 0U);
    fs::create_directory(folder / "target");
    fs::create_directory_symlink("target", folder / "link");
    EXPECT_EQ(io::remove_all(folder / "link"), 1U);
    EXPECT_TRUE(fs::exists(folder / "target"));
  });
}

TEST_F(filesystem_test, remove_all_removes_a_directory_with_thousands) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directory(folder / "many");
    for (int i = 0; i < 3'000; ++i)
      ASSERT_EQ(::mknod((folder / "many" / std::to_string(i)).c_str(), S_IFREG | 0600, 0), 0);
    EXPECT_EQ(io::remove_all(folder / "many"), 3'001U);
  });
}

// ---------------------------------------------------------------------------------------------------- copy_file

TEST_F(filesystem_test, a_copy_has_content_and_permissions) {
  weft::test::run([] {
    const temporary_folder folder;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, std::size_t{20'000'000}}) {
      const auto data = make_pattern(7, 0, size);
      file(folder / "from", open_mode::write | open_mode::create | open_mode::truncate, 0640).write_all(data);
      std::uint64_t told = 0;
      const copy_options options{
          .overwrite = true, .sync = size == 1, .progress = [&](std::uint64_t done, std::uint64_t total) {
            EXPECT_GE(done, told);
            EXPECT_EQ(total, size);
            told = done;
          }};
      EXPECT_EQ(io::copy_file(folder / "from", folder / "to", options), size);
      EXPECT_EQ(told, size);
      const std::string copied = read_file(folder / "to");
      EXPECT_EQ(copied.size(), size);
      EXPECT_EQ(matching(std::as_bytes(std::span(copied)), 7, 0), size);
      EXPECT_EQ(io::status(folder / "to").permissions, io::status(folder / "from").permissions);
    }
    EXPECT_EQ(error_of([&] { io::copy_file(folder / "from", folder / "to"); }).code().value(), EEXIST);
    EXPECT_EQ(error_of([&] { io::copy_file(folder / "from", folder / "from", {.overwrite = true}); }).code().value(),
              EINVAL);
    EXPECT_EQ(error_of([&] { io::copy_file(folder / ".", folder / "x"); }).code().value(), EISDIR);
  });
}

TEST_F(filesystem_test, a_named_pipe_is_not_waited_for) {
  weft::test::run([] {
    const temporary_folder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    const std::system_error e = error_of([&] { io::copy_file(folder / "pipe", folder / "copy"); });
    EXPECT_EQ(e.code().value(), EINVAL);
    EXPECT_NE(std::string_view(e.what()).find("no regular file"), std::string_view::npos) << e.what();
    EXPECT_EQ(io::status(folder / "pipe").type, fs::file_type::fifo);
  });
}

TEST_F(filesystem_test, what_the_caches_know_is_told_without_a_thread) {
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "file", "x");
    const file_status by_path = io::status(folder / "file");
    const file_status by_descriptor = file(folder / "file").status();
    EXPECT_TRUE(by_path.is_same_file(by_descriptor));
    EXPECT_EQ(by_path.modified, by_descriptor.modified);
    EXPECT_EQ(by_path.changed, by_descriptor.changed);
    EXPECT_EQ(by_path.created, by_descriptor.created);
    EXPECT_EQ(by_path.allocated, by_descriptor.allocated);
    write_file(folder / "file", "more than before");
    EXPECT_EQ(io::status(folder / "file").size, 16U) << "nothing old";
    io::remove(folder / "file");
    EXPECT_FALSE(io::exists(folder / "file"));
    write_file(folder / "file", "again");
    EXPECT_EQ(io::status(folder / "file").size, 5U) << "nor that there was none";
    EXPECT_EQ(io::status("/proc/self/status").type, fs::file_type::regular) << "on no disk";
  });
}

TEST_F(filesystem_test, holes_stay_holes) {
  weft::test::run([] {
    const temporary_folder folder;
    {
      file f(folder / "from", open_mode::write | open_mode::create);
      f.write_at(0, std::as_bytes(std::span(std::string_view("begin"))));
      f.write_at(30'000'000, std::as_bytes(std::span(std::string_view("middle"))));
      f.set_size(100'000'000);
      f.sync();
    }
    EXPECT_EQ(io::copy_file(folder / "from", folder / "to"), 100'000'000U);
    EXPECT_LT(io::status(folder / "to").allocated, 10'000'000U);
    std::array<std::byte, 6> middle{};
    EXPECT_EQ(file(folder / "to").read_at(30'000'000, middle), 6U);
    EXPECT_EQ(text_of(middle), "middle");
  });
}

TEST_F(filesystem_test, files_that_do_not_tell_their_size_and_other_file_systems_are_copied) {
  weft::test::run([] {
    const temporary_folder folder;
    EXPECT_GT(io::copy_file("/proc/self/status", folder / "status"), 100U);
    EXPECT_NE(read_file(folder / "status").find("VmSize"), std::string::npos);
    write_file(folder / "data", std::string(100'000, 'd'));
    const fs::path there = "/dev/shm/weft-io-test-" + std::to_string(::getpid());
    EXPECT_EQ(io::copy_file(folder / "data", there), 100'000U);
    EXPECT_EQ(read_file(there), std::string(100'000, 'd'));
    io::remove(there);
  });
}

TEST_F(filesystem_test, a_copy_that_is_cancelled_or_fails_leaves_nothing) {
  weft::test::run([] {
    const temporary_folder folder;
    // Something between the pieces, so that not all is done in one: data, a hole, data and so on.
    {
      file f(folder / "from", open_mode::write | open_mode::create);
      for (std::uint64_t i = 0; i < 20; ++i) f.write_at(i * 1'000'000, make_pattern(1, i, 5'000));
    }
    write_file(folder / "to", "old");
    int pieces = 0;
    {
      group g;
      g.spawn([&] {
        io::copy_file(folder / "from", folder / "to",
                      {.overwrite = true, .progress = [&](std::uint64_t, std::uint64_t) {
                         if (++pieces == 1) g.cancel();
                       }});
      });
    }
    EXPECT_EQ(pieces, 1);
    EXPECT_EQ(read_file(folder / "to"), "old");
    EXPECT_THROW(io::copy_file(folder / "from", folder / "new",
                               {.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); }}),
                 std::runtime_error);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "."), fs::directory_iterator()), 2);
  });
}

TEST_F(filesystem_test, a_disk_that_is_full_is_an_error) {
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGXFSZ, &ignore, &before), 0);
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "from", std::string(1'000'000, 'n'));
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
    const rlimit small{.rlim_cur = 64 << 10, .rlim_max = usual.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::error_code error;
    io::copy_file(folder / "from", folder / "to", {}, error);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
    EXPECT_EQ(error.value(), EFBIG);
    EXPECT_FALSE(io::exists(folder / "to"));
  });
  ::sigaction(SIGXFSZ, &before, nullptr);
}

// ---------------------------------------------------------------------------------------------------- directories

TEST_F(filesystem_test, a_directory_gives_each_entry_once) {
  weft::test::run([] {
    const temporary_folder folder;
    std::vector<std::string> made;
    for (int i = 0; i < 2'500; ++i) {
      made.push_back("a name of some length, number " + std::to_string(i));
      ASSERT_EQ(::mknod((folder / made.back()).c_str(), S_IFREG | 0600, 0), 0);
    }
    std::vector<std::string> found;
    for (const directory_entry& e : directory(folder / ".")) {
      EXPECT_EQ(e.type, fs::file_type::regular);
      found.push_back(e.name);
    }
    std::sort(made.begin(), made.end());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, made);
    directory empty("/proc/self/map_files/..");
    directory other = std::move(empty);
    EXPECT_TRUE(other.next().has_value());
    EXPECT_EQ(error_of([&] { directory d(folder / made[0]); }).code().value(), ENOTDIR);
  });
}

std::vector<std::string> names_of(tree_walk walk) {
  std::vector<std::string> names;
  for (const walk_entry& e : walk) {
    names.push_back(std::string(e.leaving ? "<" : "") + std::string(e.name()) +
                    (e.error ? " " + std::to_string(e.error.value()) : ""));
  }
  return names;
}

TEST_F(filesystem_test, a_walk_goes_depth_first) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directories(folder / "tree" / "a" / "b");
    write_file(folder / "tree" / "a" / "b" / "file", "12345");
    fs::create_directory_symlink("..", folder / "tree" / "a" / "b" / "up");
    const std::vector<std::string> names = names_of(tree_walk(folder / "tree", {.leave = true}));
    ASSERT_EQ(names.size(), 8U);
    EXPECT_EQ(std::vector(names.begin(), names.begin() + 3), (std::vector<std::string>{"tree", "a", "b"}));
    EXPECT_EQ(std::vector(names.begin() + 5, names.end()), (std::vector<std::string>{"<b", "<a", "<tree"}));

    std::uint64_t bytes = 0;
    std::size_t deepest = 0;
    tree_walk walk(folder / "tree", {.status = true});
    for (const walk_entry& e : walk) {
      EXPECT_FALSE(e.error);
      ASSERT_TRUE(e.status.has_value());
      if (e.status->is_regular_file()) bytes += e.status->size;
      deepest = std::max(deepest, e.depth);
      if (e.name() == "up") {
        EXPECT_EQ(e.type, fs::file_type::symlink);
      } else if (e.name() == "file") {
        EXPECT_EQ(e.path, (folder / "tree" / "a" / "b" / "file").string());
      }
    }
    EXPECT_EQ(bytes, 5U);
    EXPECT_EQ(deepest, 3U);
    EXPECT_EQ(names_of(tree_walk(folder / "tree" / "a" / "b" / "file")), std::vector<std::string>{"file"});
  });
}

TEST_F(filesystem_test, links_are_followed_where_asked_for_and_not_for_ever) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directories(folder / "tree" / "a");
    fs::create_directories(folder / "elsewhere");
    write_file(folder / "elsewhere" / "found", "x");
    fs::create_directory_symlink("..", folder / "tree" / "a" / "up");
    fs::create_directory_symlink("../elsewhere", folder / "tree" / "link");
    fs::create_symlink("nowhere", folder / "tree" / "dangling");
    std::vector<std::string> names = names_of(tree_walk(folder / "tree", {.follow_symlinks = true, .status = true}));
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"a", "dangling", "found", "link", "tree", "up",
                                               "up " + std::to_string(ELOOP)}));
    fs::create_directory_symlink("tree", folder / "root");
    EXPECT_EQ(names_of(tree_walk(folder / "root")).size(), 5U) << "where a walk begins is followed";
  });
}

TEST_F(filesystem_test, what_is_skipped_is_not_walked) {
  weft::test::run([] {
    const temporary_folder folder;
    make_tree(folder / "tree", 3, 3);
    std::size_t count = 0;
    tree_walk walk(folder / "tree", {.leave = true});
    for (const walk_entry& e : walk) {
      ++count;
      if (e.depth == 1 && e.is_directory()) walk.skip();
    }
    EXPECT_EQ(count, 1U + 3 + 3 + 1);
  });
}

// Many times as deep as directories are kept open, and longer than a path may be.
TEST_F(filesystem_test, a_tree_may_be_very_deep) {
  weft::run(weft::test::options_without_spares(), [] {
    const temporary_folder folder;
    constexpr std::size_t depth = 300;
    const std::string name(50, 'd');
    fs::create_directory(folder / "deep");
    {
      const fs::path before = fs::current_path();
      fs::current_path(folder / "deep");
      for (std::size_t i = 0; i < depth; ++i) {
        ASSERT_EQ(::mkdir(name.c_str(), 0700), 0);
        ASSERT_EQ(::mknod("beside", S_IFREG | 0600, 0), 0);
        ASSERT_EQ(::chdir(name.c_str()), 0);
      }
      fs::current_path(before);
    }
    std::size_t directories = 0;
    std::size_t files = 0;
    std::size_t left = 0;
    // Less than none where a report of the monitor's had files open at first.
    std::ptrdiff_t most_open = 0;
    const auto open_before = static_cast<std::ptrdiff_t>(open_descriptors());
    tree_walk walk(folder / "deep", {.leave = true});
    for (const walk_entry& e : walk) {
      EXPECT_FALSE(e.error) << e.error.message();
      (e.leaving ? left : e.is_directory() ? directories : files) += 1;
      if (e.depth % 50 == 0)
        most_open = std::max(most_open, static_cast<std::ptrdiff_t>(open_descriptors()) - open_before);
    }
    EXPECT_EQ(directories, depth + 1);
    EXPECT_EQ(left, depth + 1);
    EXPECT_EQ(files, depth);
    EXPECT_LE(most_open, 35);
    EXPECT_EQ(io::remove_all(folder / "deep"), 2 * depth + 1);
  });
}

TEST_F(filesystem_test, a_directory_that_is_renamed_while_it_is_walked_is_walked_on) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directories(folder / "tree" / "a" / "b");
    write_file(folder / "tree" / "a" / "b" / "file", "x");
    std::vector<std::string> names;
    tree_walk walk(folder / "tree");
    for (const walk_entry& e : walk) {
      names.emplace_back(e.name());
      EXPECT_FALSE(e.error);
      if (e.name() == "a") io::rename(folder / "tree", folder / "renamed");
      if (e.name() == "b") io::rename(folder / "renamed" / "a", folder / "moved");
    }
    EXPECT_EQ(names, (std::vector<std::string>{"tree", "a", "b", "file"}));
  });
}

TEST_F(filesystem_test, what_goes_wrong_is_told_and_the_walk_goes_on) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directories(folder / "tree" / "gone" / "below");
    fs::create_directories(folder / "tree" / "other");
    std::vector<int> errors;
    std::size_t count = 0;
    tree_walk walk(folder / "tree");
    for (const walk_entry& e : walk) {
      ++count;
      if (e.error) errors.push_back(e.error.value());
      if (e.name() == "gone" && !e.error) fs::remove_all(folder / "tree" / "gone");
    }
    EXPECT_EQ(errors, std::vector<int>{ENOENT});
    EXPECT_EQ(count, 4U) << "the tree, both directories, and the one that was gone with its error";
  });
}

TEST_F(filesystem_test, a_walk_is_a_cancellation_point_and_may_be_left) {
  weft::test::run([] {
    const temporary_folder folder;
    make_tree(folder / "tree", 4, 3);
    {
      tree_walk walk(folder / "tree");
      EXPECT_TRUE(walk.next().has_value());
      EXPECT_TRUE(walk.next().has_value());
    }
    std::size_t seen = 0;
    group g;
    g.spawn([&] {
      tree_walk walk(folder / "tree");
      for ([[maybe_unused]] const walk_entry& e : walk) {
        ++seen;
        g.cancel();
      }
    });
    g.join();
    EXPECT_EQ(seen, 1U);
  });
}

TEST_F(filesystem_test, many_fibers_at_once) {
  weft::test::run([] {
    const temporary_folder folder;
    group g;
    for (int i = 0; i < 200; ++i) {
      g.spawn([&folder, i] {
        const fs::path mine = folder / std::to_string(i);
        make_directories(mine / "a");
        write_file(mine / "a" / "file", std::to_string(i));
        io::copy_file(mine / "a" / "file", mine / "copy");
        EXPECT_EQ(read_file(mine / "copy"), std::to_string(i));
        EXPECT_EQ(io::remove_all(mine), 4U);
      });
    }
  });
}

TEST_F(filesystem_test, an_ordinary_thread_may_use_it) {
  const temporary_folder folder;
  make_tree(folder / "tree", 2, 2);
  EXPECT_EQ(names_of(tree_walk(folder / "tree")).size(), 9U);
  EXPECT_TRUE(io::exists(folder / "tree"));
  EXPECT_EQ(io::copy_file(folder / "tree" / "file 0", folder / "copy"), 1U);
  EXPECT_EQ(io::remove_all(folder / "tree"), 9U);
}

}  // namespace
}  // namespace weft::io::test
