#include "io_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

namespace weft::io::test {
namespace {

using file_test = io_test;

TEST_F(file_test, what_is_written_is_read) {
  weft::test::run([] {
    const temporary_folder folder;
    const auto data = make_pattern(1, 0, 300'000);
    file out(folder / "data", open_mode::write | open_mode::create);
    out.write_all(data);
    EXPECT_EQ(out.size(), data.size());
    out.close();

    file in(folder / "data");
    std::vector<std::byte> back(data.size() + 1);
    EXPECT_EQ(in.read_some(back), data.size()) << "a short count is the end of the file";
    EXPECT_EQ(matching(std::span(back).first(data.size()), 1, 0), data.size());
    EXPECT_EQ(in.read_some(back), 0U);
  });
}

TEST_F(file_test, reads_and_writes_at_offsets_leave_the_position) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::read_write | open_mode::create);
    f.write_at(5, std::as_bytes(std::span(std::string_view("world"))));
    f.write_at(0, std::as_bytes(std::span(std::string_view("hello"))));
    std::array<std::byte, 5> part{};
    EXPECT_EQ(f.read_at(5, part), 5U);
    EXPECT_EQ(text_of(part), "world");
    EXPECT_EQ(f.read_at(8, part), 2U);
    EXPECT_EQ(f.read_at(10, part), 0U);
    EXPECT_EQ(f.read_rest(), "helloworld");
    EXPECT_EQ(f.read_rest(), "");
  });
}

TEST_F(file_test, appending_goes_to_the_end_and_truncating_empties) {
  weft::test::run([] {
    const temporary_folder folder;
    file(folder / "log", open_mode::write | open_mode::create).write_all("one\n");
    file(folder / "log", open_mode::append).write_all("two\n");
    EXPECT_EQ(file(folder / "log").read_rest(), "one\ntwo\n");
    file both(folder / "log", open_mode::read | open_mode::append);
    both.write_all("three\n");
    EXPECT_EQ(file(folder / "log").read_rest(), "one\ntwo\nthree\n");
    EXPECT_EQ(file(folder / "log", open_mode::write | open_mode::truncate).size(), 0U);
  });
}

TEST_F(file_test, read_rest_reads_files_whose_size_is_not_told) {
  weft::test::run([] { EXPECT_NE(file("/proc/self/status").read_rest().find("VmSize"), std::string::npos); });
}

TEST_F(file_test, sync_returns) {
  weft::test::run([] {
    const temporary_folder folder;
    file f(folder / "data", open_mode::write | open_mode::create);
    f.write_all("x");
    f.sync();
    f.sync(true);
  });
}

TEST_F(file_test, permissions_are_those_asked_for_and_descriptors_are_not_inherited) {
  weft::test::run([] {
    const temporary_folder folder;
    const file f(folder / "secret", open_mode::write | open_mode::create, 0600);
    struct stat status{};
    ASSERT_EQ(::fstat(f.native_handle(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(::fcntl(f.native_handle(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  });
}

TEST_F(file_test, what_is_in_the_page_cache_is_read_without_the_ring) {
  weft::test::run([] {
    const temporary_folder folder;
    file(folder / "data", open_mode::write | open_mode::create).write_all(std::string(4096, 'x'));
    file f(folder / "data");
    std::array<std::byte, 4096> page{};
    EXPECT_EQ(f.read_at(0, page), page.size());
    const std::uint64_t before = operations();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(f.read_at(0, page), page.size());
    EXPECT_EQ(operations(), before);
  });
}

TEST_F(file_test, many_fibers_share_a_file) {
  weft::test::run([] {
    const temporary_folder folder;
    static constexpr std::size_t block = 4096;
    constexpr std::size_t blocks = 200;
    file f(folder / "data", open_mode::read_write | open_mode::create);
    {
      group writers;
      for (std::size_t b = 0; b < blocks; ++b) {
        writers.spawn([&f, b] { f.write_at(b * block, make_pattern(2, b * block, block)); });
      }
    }
    group readers;
    for (std::size_t b = 0; b < blocks; ++b) {
      readers.spawn([&f, b] {
        std::vector<std::byte> bytes(block);
        EXPECT_EQ(f.read_at(b * block, bytes), block);
        EXPECT_EQ(matching(bytes, 2, b * block), block);
      });
    }
  });
}

TEST_F(file_test, opening_a_named_pipe_waits_for_its_other_end) {
  weft::test::run([] {
    const temporary_folder folder;
    const auto name = folder / "fifo";
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    for (const bool reader_first : {true, false}) {
      std::atomic<bool> second_opened{false};  // the pipe orders it, which no sanitizer sees
      const std::uint64_t before = operations();
      group g;
      g.spawn([&] {
        file first(name, reader_first ? open_mode::read : open_mode::write);
        EXPECT_TRUE(second_opened.load());
        if (reader_first) {
          EXPECT_EQ(first.read_rest(), "through");
        } else {
          first.write_all("through");
        }
      });
      while (operations() == before) weft::yield();
      g.spawn([&] {
        second_opened.store(true);
        file second(name, reader_first ? open_mode::write : open_mode::read);
        if (reader_first) {
          second.write_all("through");
        } else {
          EXPECT_EQ(second.read_rest(), "through");
        }
      });
    }
  });
}

TEST_F(file_test, errors_name_the_file_and_the_cause) {
  weft::test::run([] {
    const temporary_folder folder;
    const auto name = folder / "no such file";
    const std::system_error missing = error_of([&] { file{name}; });
    EXPECT_EQ(missing.code().value(), ENOENT);
    EXPECT_NE(std::string_view(missing.what()).find("cannot open '" + name.string() + "'"), std::string_view::npos)
        << missing.what();

    file out(name, open_mode::write | open_mode::create_new);
    EXPECT_EQ(error_of([&] { file(name, open_mode::write | open_mode::create_new); }).code().value(), EEXIST);
    std::array<std::byte, 1> byte{};
    const std::system_error unreadable = error_of([&] { out.read_some(byte); });
    EXPECT_EQ(unreadable.code().value(), EBADF);
    EXPECT_NE(std::string_view(unreadable.what()).find("cannot read '" + name.string() + "'"), std::string_view::npos)
        << unreadable.what();
    EXPECT_EQ(error_of([&] { out.write_at(UINT64_MAX, byte); }).code().value(), EINVAL);
  });
}

TEST_F(file_test, a_full_device_is_an_error_and_not_a_short_write) {
  weft::test::run([] {
    file full("/dev/full", open_mode::write);
    EXPECT_EQ(error_of([&] { full.write_all("x"); }).code().value(), ENOSPC);
  });
}

TEST_F(file_test, a_closed_or_empty_file_says_so) {
  weft::test::run([] {
    file none;
    EXPECT_FALSE(none.is_open());
    EXPECT_EQ(none.native_handle(), -1);
    none.close();
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(error_of([&] { none.read_some(byte); }).code().value(), EBADF);
    file f("/proc/self/status");
    f.close();
    f.close();
    EXPECT_FALSE(f.is_open());
    const std::system_error closed = error_of([&] { f.read_some(byte); });
    EXPECT_EQ(closed.code().value(), EBADF);
    EXPECT_NE(std::string_view(closed.what()).find("a closed descriptor"), std::string_view::npos) << closed.what();
    EXPECT_EQ(error_of([&] { (void)f.size(); }).code().value(), EBADF);
  });
}

TEST_F(file_test, moving_hands_the_file_over) {
  weft::test::run([] {
    file a("/proc/self/status");
    const int fd = a.native_handle();
    file b = std::move(a);
    EXPECT_EQ(b.native_handle(), fd);
    EXPECT_FALSE(a.is_open());  // NOLINT(bugprone-use-after-move): that is what is tested
    file c("/proc/self/stat");
    c = std::move(b);
    EXPECT_EQ(c.native_handle(), fd);
    EXPECT_FALSE(c.read_rest().empty());
  });
}

TEST_F(file_test, an_ordinary_thread_may_use_files) {
  const temporary_folder folder;
  file f(folder / "data", open_mode::read_write | open_mode::create);
  f.write_all("plain");
  f.sync();
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(f.read_at(0, bytes), 5U);
  EXPECT_EQ(text_of(std::span(bytes).first(5)), "plain");
  f.close();
}

}  // namespace
}  // namespace weft::io::test
