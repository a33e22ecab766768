// Disks that are full: the error says so, what was there before stays, and there is nothing left behind.
#include "faults_support.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <optional>

#include <weft/io/buffered.hpp>

namespace weft::io::test {
namespace {

using disk_test = io_test;

constexpr std::size_t room = 256 << 10;

// A folder on a file system that holds `room` bytes, if this process may mount one; else files may not grow beyond that.
class small_disk {
 public:
  small_disk() : path_((folder_ / "disk").string()) {
    std::filesystem::create_directory(path_);
    const std::string size = "size=" + std::to_string(room);
    mounted_ = ::mount("weft-test", path_.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (!mounted_) {
      std::printf("mounting is refused (%s): a limit on the size of files stands in\n", std::strerror(errno));
      limit_.emplace(RLIMIT_FSIZE, room);
    }
  }
  ~small_disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] std::string operator/(const char* name) const { return path_ + "/" + name; }
  [[nodiscard]] int error() const { return mounted_ ? ENOSPC : EFBIG; }
  [[nodiscard]] std::size_t files() const {
    const std::filesystem::directory_iterator all(path_);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

 private:
  const ignored_signal quiet_{SIGXFSZ};
  const temporary_folder folder_;
  std::string path_;
  bool mounted_ = false;
  std::optional<resource_limit> limit_;
};

void fill_until_full(const small_disk& disk) {
  const std::string name = disk / "big";
  file big(name, open_mode::write | open_mode::create);
  std::size_t written = 0;
  const std::vector<std::byte> part = make_pattern(1, 0, 10'000);
  const std::system_error e = error_of([&] {
    for (;;) written += big.write_some(part);
  });
  EXPECT_EQ(e.code().value(), disk.error()) << e.what();
  EXPECT_NE(std::string_view(e.what()).find(name), std::string_view::npos) << e.what();
  EXPECT_EQ(big.size(), written) << "what was told is what is there";
  EXPECT_GT(written, room / 2);
  EXPECT_EQ(error_of([&] { big.write_all(std::span(part).first(1)); }).code().value(), disk.error());
}

TEST_F(disk_test, writing_ends_with_an_error_that_names_the_file) {
  const small_disk disk;
  weft::test::run([&disk] {
    fill_until_full(disk);
    io::remove(disk / "big");
    EXPECT_NO_THROW(write_file(disk / "small", "there is room again"));
  });
}

TEST_F(disk_test, the_old_content_stays) {
  const small_disk disk;
  weft::test::run([&disk] {
    replace_file(disk / "settings", "old");
    const std::string too_much(2 * room, 'x');
    EXPECT_EQ(error_of([&] { replace_file(disk / "settings", too_much); }).code().value(), disk.error());
    EXPECT_EQ(read_file(disk / "settings"), "old");
    EXPECT_EQ(disk.files(), 1U) << "no half of a new file is left";
  });
}

TEST_F(disk_test, copies_say_so) {
  const small_disk disk;
  const temporary_folder elsewhere;
  weft::test::run([&] {
    const auto from = elsewhere / "from";
    write_file(from, std::string(2 * room, 'x'));
    EXPECT_THROW(io::copy_file(from, disk / "to"), std::system_error);
  });
}

// An attempt that must not wait would wait for the disk, and its worker with it.
TEST_F(disk_test, direct_reads_leave_their_worker_alone) {
  const temporary_folder folder;
  const std::string name = (folder / "file").string();
  weft::test::run([&name] {
    write_file(name, std::string(8192, 'x'));
    int fd = ::open(name.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) fd = ::open("/proc/self/exe", O_RDONLY | O_DIRECT | O_CLOEXEC);  // a temporary folder in memory
    ASSERT_GE(fd, 0) << std::strerror(errno);
    file direct = file::adopt(fd);
    alignas(4096) static std::array<std::byte, 4096> page;
    const std::uint64_t before = operations();
    EXPECT_EQ(direct.read_at(0, page), page.size());
    EXPECT_EQ(operations(), before + 1);
    const iovec whole{page.data(), page.size()};
    EXPECT_EQ(pread(fd, {&whole, 1}, 4096), page.size());
    EXPECT_EQ(operations(), before + 2);
  });
}

// A device that is always full is there for everybody.
TEST_F(disk_test, a_buffer_that_cannot_be_written_is_told_once) {
  weft::test::run([] {
    file full("/dev/full", open_mode::write);
    buffered_writer out(full, 100);
    out.write_all("fits");
    EXPECT_EQ(error_of([&] { out.flush(); }).code().value(), ENOSPC);
    testing::internal::CaptureStderr();
    {
      const buffered_writer dropped(std::move(out));
    }
    EXPECT_NE(testing::internal::GetCapturedStderr().find("4 bytes"), std::string::npos);
    EXPECT_EQ(error_of([&] { full.write_all(std::string(100'000, 'x')); }).code().value(), ENOSPC);
    EXPECT_EQ(error_of([] { write_file("/dev/full", "x"); }).code().value(), ENOSPC);
  });
}

TEST_F(disk_test, many_writers_are_all_told) {
  const small_disk disk;
  weft::test::run([&disk] {
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&disk, i] {
        file f(disk / ("file" + std::to_string(i)).c_str(), open_mode::write | open_mode::create);
        const std::vector<std::byte> part = make_pattern(1, 0, 30'000);
        EXPECT_EQ(error_of([&] {
                    for (;;) f.write_all(part);
                  })
                      .code()
                      .value(),
                  disk.error());
      });
    }
  });
}

}  // namespace
}  // namespace weft::io::test
