// Files beyond reading and writing: locks, sizes, temporary ones, whole contents, and replacing in one step.
#include "io_support.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using whole_file_test = io_test;
namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
iovec vector_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

std::size_t entries_in(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST_F(whole_file_test, several_buffers_go_and_come_in_one_call) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::read_write | open_mode::create);
    const std::array out{vector_of("one "), vector_of(""), vector_of("two "), vector_of("three")};
    f.write_all(out);
    f.write_at(4, std::span(out).last(1));
    EXPECT_EQ(f.size(), 13U);
    std::array<char, 4> first{};
    std::array<char, 100> second{};
    const std::array in{iovec{first.data(), first.size()}, iovec{second.data(), second.size()}};
    EXPECT_EQ(f.read_at(0, in), 13U);
    EXPECT_EQ(std::string_view(first.data(), 4), "one ");
    EXPECT_EQ(std::string_view(second.data(), 9), "threehree");
    EXPECT_EQ(f.read_some(in), 0U) << "the position is at the end";
  });
}

TEST_F(whole_file_test, a_thousand_buffers_and_more_are_all_written) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::read_write | open_mode::create);
    const std::vector<iovec> many(3'000, vector_of("abc"));  // more than the system takes at once
    f.write_all(many);
    EXPECT_EQ(f.size(), 9'000U);
  });
}

TEST_F(whole_file_test, the_other_form_reports_instead_of_throwing) {
  weft::test::run([] {
    const temporary_folder folder;
    std::error_code error;
    file none = file::open(folder / "none", open_mode::read, 0, error);
    EXPECT_EQ(error.value(), ENOENT);
    EXPECT_FALSE(none.is_open());
    std::array<std::byte, 4> four{};
    EXPECT_EQ(none.read_some(four, error), 0U);
    EXPECT_EQ(error.value(), EBADF);

    file f = file::open(folder / "data", open_mode::write | open_mode::create, 0600, error);
    EXPECT_FALSE(error) << error.message();
    f.write_all(bytes_of("text"), error);
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ(f.write_some(bytes_of("more"), error), 4U);
    EXPECT_EQ(f.read_at(0, four, error), 0U);
    EXPECT_EQ(error.value(), EBADF) << "it is not open for reading";
    f.write_at(UINT64_MAX, four, error);
    EXPECT_EQ(error.value(), EINVAL);
    f.sync(true, error);
    EXPECT_FALSE(error);
    f.set_size(2, error);
    EXPECT_FALSE(error);
    EXPECT_EQ(read_file(folder / "data", error), "te");
    EXPECT_EQ(read_file(folder / "none", error), "");
    EXPECT_EQ(error.value(), ENOENT);
    write_file(folder / "no" / "such", "x", error);
    EXPECT_EQ(error.value(), ENOENT);
    replace_file(folder / "no" / "such", "x", 0666, error);
    EXPECT_EQ(error.value(), ENOENT);
  });
}

TEST_F(whole_file_test, size_status_and_advice) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::read_write | open_mode::create, 0640);
    f.set_size(10'000);
    f.write_at(5'000, bytes_of("x"));
    const file_status status = f.status();
    EXPECT_TRUE(status.is_regular_file());
    EXPECT_EQ(status.size, 10'000U);
    EXPECT_EQ(status.links, 1U);
    EXPECT_EQ(status.owner, ::geteuid());
    EXPECT_EQ(status.permissions & fs::perms::owner_all, fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_GE(status.modified, status.created.value_or(status.modified));
    for (const access_pattern p : {access_pattern::normal, access_pattern::sequential, access_pattern::random,
                                   access_pattern::will_need, access_pattern::will_not_need}) {
      f.advise(p, 0, 4096);
    }
    EXPECT_EQ(error_of([&] { f.advise(access_pattern::normal, UINT64_MAX); }).code().value(), EINVAL);
  });
}

TEST_F(whole_file_test, a_descriptor_may_be_taken_over) {
  weft::test::run([] {
    file f = file::adopt(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    EXPECT_NE(f.read_rest().find("VmSize"), std::string::npos);
  });
}

// ---------------------------------------------------------------------------------------------------- locks

TEST_F(whole_file_test, locks_exclude_and_are_shared) {
  weft::test::run([] {
    const temporary_folder folder;
    file a(folder / "lock", open_mode::write | open_mode::create);
    file b(folder / "lock");
    {
      const std::unique_lock held(a);
      EXPECT_FALSE(b.try_lock());
      EXPECT_FALSE(b.try_lock_shared());
    }
    {
      const std::shared_lock held(a);
      const std::shared_lock too(b);
      EXPECT_FALSE(a.try_lock()) << "another shares it";
    }
    EXPECT_TRUE(b.try_lock());
    b.close();
    EXPECT_TRUE(a.try_lock()) << "closing unlocks";
  });
}

TEST_F(whole_file_test, who_waits_for_a_lock_gets_it) {
  weft::test::run([] {
    const temporary_folder folder;
    {
      file made(folder / "lock", open_mode::write | open_mode::create);
    }
    int inside = 0;
    int counted = 0;
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        file f(folder / "lock");
        const std::scoped_lock held(f);
        EXPECT_EQ(std::atomic_ref(inside).fetch_add(1), 0);
        weft::yield();
        std::atomic_ref(inside).fetch_sub(1);
        std::atomic_ref(counted).fetch_add(1);
      });
    }
    g.join();
    EXPECT_EQ(counted, 8);
  });
}

TEST_F(whole_file_test, waiting_for_a_lock_ends_with_a_deadline_a_cancellation_or_the_file) {
  weft::test::run([] {
    const temporary_folder folder;
    file holder(folder / "lock", open_mode::write | open_mode::create);
    file waiting(folder / "lock");
    holder.lock();
    EXPECT_THROW(with_deadline(5ms, [&] { waiting.lock(); }), timeout_error);
    std::atomic<bool> begun{false};
    std::atomic<bool> was_cancelled{false};
    {
      group g;
      g.spawn([&] {
        begun = true;
        try {
          waiting.lock_shared();
        } catch (const cancelled&) {
          was_cancelled = true;
          throw;
        }
      });
      yield_until([&] { return begun.load(); });
      g.cancel();
      g.join();
      EXPECT_TRUE(was_cancelled);
    }
    begun = false;
    group g;
    g.spawn([&] {
      begun = true;
      const int error = error_of([&] { waiting.lock(); }).code().value();
      EXPECT_TRUE(error == ECANCELED || error == EBADF) << error;
    });
    yield_until([&] { return begun.load(); });
    waiting.close();
  });
}

// ---------------------------------------------------------------------------------------------------- whole contents

TEST_F(whole_file_test, contents_are_read_and_written_whole) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::string text(100'000, 'x');
    write_file(folder / "data", text);
    EXPECT_EQ(read_file(folder / "data"), text);
    write_file(folder / "data", "short");
    EXPECT_EQ(read_file(folder / "data"), "short");
    write_file(folder / "data", "");
    EXPECT_EQ(read_file(folder / "data"), "");
  });
}

TEST_F(whole_file_test, replacing_keeps_permissions_links_and_leaves_nothing_beside) {
  weft::test::run([] {
    const temporary_folder folder;
    replace_file(folder / "new", "first");
    EXPECT_EQ(read_file(folder / "new"), "first");
    fs::permissions(folder / "new", fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
    fs::create_symlink("new", folder / "link");
    const std::string big(1'000'000, 'b');
    file old(folder / "new");
    replace_file(folder / "link", big);
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(read_file(folder / "new"), big);
    EXPECT_EQ(old.read_rest(), "first") << "who had it open reads on in the old one";
    EXPECT_EQ(file(folder / "new").status().permissions,
              fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
    EXPECT_EQ(entries_in(folder / "."), 2U);
    replace_file(folder / (std::string(250, 'n')), "a name as long as can be");
    EXPECT_EQ(entries_in(folder / "."), 3U);
  });
}

TEST_F(whole_file_test, what_is_no_regular_file_is_not_replaced) {
  weft::test::run([] {
    const temporary_folder folder;
    fs::create_directory(folder / "directory");
    EXPECT_EQ(error_of([&] { replace_file(folder / "directory", "x"); }).code().value(), EISDIR);
    const std::system_error device = error_of([] { replace_file("/dev/null", "x"); });
    EXPECT_EQ(device.code().value(), EINVAL);
    EXPECT_NE(std::string_view(device.what()).find("no regular file"), std::string_view::npos) << device.what();
    EXPECT_EQ(entries_in(folder / "."), 1U) << "no temporary file is left";
  });
}

// The limit on file sizes stands for a disk that becomes full. Rings do not know it, so it has to be the other engine.
TEST_F(whole_file_test, a_replacement_that_fails_leaves_the_old_file) {
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGXFSZ, &ignore, &before), 0);
  options by_epoll = weft::test::test_options();
  by_epoll.io = "epoll";
  weft::run(by_epoll, [] {
    const temporary_folder folder;
    write_file(folder / "data", "old");
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
    const rlimit small{.rlim_cur = 64 << 10, .rlim_max = usual.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const int error = error_of([&] { replace_file(folder / "data", std::string(1'000'000, 'n')); }).code().value();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
    EXPECT_EQ(error, EFBIG);
    EXPECT_TRUE(read_file(folder / "data") == "old");
    EXPECT_EQ(entries_in(folder / "."), 1U);
  });
  ::sigaction(SIGXFSZ, &before, nullptr);
}

TEST_F(whole_file_test, a_replacement_cancelled_anywhere_leaves_old_or_new_and_nothing_else) {
  weft::test::run([] {
    const temporary_folder folder;
    const std::string old_text(10'000, 'o');
    const std::string new_text(300'000, 'n');
    int replaced = 0;
    for (int after = 0; after < weft::test::rounds(60); ++after) {
      write_file(folder / "data", old_text);
      {
        group g;
        g.spawn([&] { replace_file(folder / "data", new_text); });
        for (int i = 0; i < after * after; ++i) weft::yield();
        g.cancel();
      }
      const std::string now = read_file(folder / "data");
      EXPECT_TRUE(now == old_text || now == new_text) << "a mixture";
      replaced += now == new_text ? 1 : 0;
      EXPECT_EQ(entries_in(folder / "."), 1U) << "after " << after;
    }
    std::printf("%d were quick enough\n", replaced);
  });
}

// ---------------------------------------------------------------------------------------------------- temporary ones

TEST_F(whole_file_test, temporary_files_have_no_name) {
  weft::test::run([] {
    const temporary_folder folder;
    file f = temporary_file(folder / ".");
    f.write_at(0, bytes_of("kept for a while"));
    EXPECT_EQ(f.read_rest(), "kept for a while");
    EXPECT_EQ(entries_in(folder / "."), 0U);
    EXPECT_TRUE(temporary_file().is_open());
    EXPECT_EQ(error_of([&] { (void)temporary_file(folder / "none"); }).code().value(), ENOENT);
  });
}

TEST_F(whole_file_test, temporary_directories_go_with_their_owner) {
  weft::test::run([] {
    fs::path where;
    {
      temporary_directory d;
      where = d.path();
      fs::create_directories(d / "a" / "b");
      write_file(d / "a" / "b" / "file", "x");
      temporary_directory moved = std::move(d);
      EXPECT_EQ(moved.path(), where);
      EXPECT_TRUE(fs::exists(where));
    }
    EXPECT_FALSE(fs::exists(where));

    temporary_directory removed;
    where = removed.path();
    removed.remove();
    EXPECT_FALSE(fs::exists(where));

    const fs::path kept = temporary_directory({}, "kept-").keep();
    EXPECT_TRUE(kept.filename().string().starts_with("kept-"));
    EXPECT_TRUE(fs::remove(kept));

    {
      group g;
      g.spawn([&] {
        const temporary_directory d;
        where = d.path();
        g.cancel();
        weft::yield();
      });
    }
    EXPECT_FALSE(where.empty());
    EXPECT_FALSE(fs::exists(where)) << "removed although it was cancelled";
  });
}

TEST_F(whole_file_test, an_ordinary_thread_may_do_all_this) {
  const temporary_directory folder;
  write_file(folder / "data", "old");
  replace_file(folder / "data", "new");
  file f(folder / "data", open_mode::read_write);
  f.lock();
  EXPECT_FALSE(file(folder / "data").try_lock());
  f.unlock();
  f.set_size(2);
  EXPECT_EQ(read_file(folder / "data"), "ne");
  EXPECT_EQ(temporary_file(folder.path()).size(), 0U);
}

}  // namespace
}  // namespace weft::io::test
