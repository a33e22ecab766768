// WASI's functions called with arguments that nobody chose, on a memory full of things that look right and things that do
// not. A guest's memory has inaccessible pages on both sides here, so that whoever touches what is not the guest's is caught at
// once, also without a sanitizer. A few seconds in an ordinary run; WEFT_FUZZ_SECONDS says how long instead (with
// TMPDIR on a file system in memory), and WEFT_TEST_SEED repeats a run.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <support.hpp>
#include <weft/weft.hpp>

#include <weft/wasm/wasi/context.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::wasi {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t page = 4096;
constexpr std::size_t memory_size = 48 * page;
constexpr std::size_t most_arguments = 9;

// Gone with everything in it at the end.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

class fenced_memory {
 public:
  fenced_memory()
      : base_(static_cast<std::uint8_t*>(
            ::mmap(nullptr, memory_size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    EXPECT_NE(base_, MAP_FAILED);
    EXPECT_EQ(::mprotect(data(), memory_size, PROT_READ | PROT_WRITE), 0);
  }
  ~fenced_memory() { ::munmap(base_, memory_size + 2 * page); }
  fenced_memory(const fenced_memory&) = delete;
  fenced_memory& operator=(const fenced_memory&) = delete;

  [[nodiscard]] std::uint8_t* data() const { return base_ + page; }

 private:
  std::uint8_t* base_;
};

std::vector<wasi::definition> all_functions() {
  std::vector<wasi::definition> all;
  for (const auto& group :
       {wasi::program_functions(), wasi::clock_functions(), wasi::descriptor_functions(), wasi::transfer_functions(),
        wasi::file_functions(), wasi::path_functions(), wasi::poll_functions(), wasi::socket_functions()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

// One guest without a program: its memory, what it was given, and the choice of what it does next.
class random_guest {
 public:
  random_guest(const guest_options& options, weft::test::random_source& random)
      : context_(options, name_), random_(random) {
    context_.open();
    refill();
  }

  void call(const wasi::definition& function) {
    if (random_.one_in(16)) refill();
    place_structures();
    std::array<detail::weft_value, most_arguments> values{};
    const std::string_view parameters = function.signature.substr(0, function.signature.find(':'));
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i] == 'I') {
        values.at(i).i64 = static_cast<std::int64_t>(wide());
      } else {
        values.at(i).i32 = static_cast<std::int32_t>(narrow(i));
      }
    }
    const std::int32_t how = function.callback(nullptr, &context_, memory_.data(), memory_size, values.data());
    if (how == detail::weft_wait) return finish_waiting();
    if (how == detail::weft_exit) return;
    ASSERT_EQ(how, detail::weft_done) << function.name;
    EXPECT_LE(static_cast<std::uint32_t>(values[0].i32), static_cast<std::uint32_t>(wasi::errc::notcapable));
  }

 private:
  // Many waits would have no end: they are cancelled after a few turns.
  void finish_waiting() {
    constexpr int turns = 4;
    std::atomic<bool> done = false;
    group g;
    g.spawn([&] {
      static_cast<void>(context_.perform_wait());
      done = true;
    });
    for (int i = 0; i < turns && !done; ++i) weft::yield();
    g.cancel();
  }

  void refill() {
    for (std::size_t i = 0; i < memory_size; i += sizeof(std::uint32_t)) {
      const std::uint32_t word = random_.one_in(2) ? 0 : narrow(1);
      std::memcpy(memory_.data() + i, &word, sizeof word);
    }
  }

  // Paths, buffers and subscriptions at random places of the first page, where pointers point to more often than elsewhere.
  void place_structures() {
    constexpr std::array<std::string_view, 16> paths = {
        "file", "dir",         "dir/inner", "link",    "out",  "../secret", "/etc/passwd", ".",
        "..",   "dir/../file", "new",       "dir/new", "fifo", "link/",     "circle",      "out/secret"};
    const std::string_view path = paths.at(random_.below(paths.size()));
    std::memcpy(memory_.data() + std::size_t{8} * random_.below(64), path.data(), path.size());
    const std::array<std::uint32_t, 2> vector = {random_.below(memory_size), random_.below(256)};
    std::memcpy(memory_.data() + std::size_t{8} * random_.below(64), vector.data(), sizeof vector);
    wasi::subscription s = {};
    s.type = static_cast<wasi::event_type>(random_.below(4));
    s.subject = random_.below(12);
    s.timeout = wide();
    s.clock_flags = static_cast<std::uint16_t>(random_.below(2));
    std::memcpy(memory_.data() + std::size_t{8} * random_.below(64), &s, sizeof s);
  }

  // A descriptor, a length, flags, or a pointer; the first argument is mostly a descriptor.
  std::uint32_t narrow(std::size_t place) {
    if (place == 0 && !random_.one_in(4)) return random_.below(12);
    switch (random_.below(8)) {
      case 0:
        return random_.below(memory_size);
      case 1:
        return static_cast<std::uint32_t>(memory_size) - random_.below(64);
      case 2:
        return 0xffffffffU - random_.below(64);
      case 3:
        return random_.below(0xffffffffU);
      case 4:
      case 5:
        return 8 * random_.below(64);
      default:
        return random_.below(16);
    }
  }

  std::uint64_t wide() {
    switch (random_.below(6)) {
      case 0:
        return ~std::uint64_t{0} - random_.below(16);
      case 1:
        return (std::uint64_t{1} << 63) - random_.below(16);
      case 2:
        return std::uint64_t{random_.below(0xffffffffU)} << 20;
      case 3:
        return wasi::right::all & ~(std::uint64_t{1} << random_.below(30));
      case 4:
        return wasi::right::of_file;
      default:
        return random_.below(4096);
    }
  }

  fenced_memory memory_;
  const std::string name_ = "random";
  wasi::context context_;
  weft::test::random_source& random_;
};

// The disk is not to be filled, whatever lengths come up.
class limited_files {
 public:
  limited_files() : signal_(::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit small = before_;
    small.rlim_cur = rlim_t{16} << 20;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~limited_files() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_);
  }
  limited_files(const limited_files&) = delete;
  limited_files& operator=(const limited_files&) = delete;

 private:
  sighandler_t signal_;
  rlimit before_ = {};
};

void furnish(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "dir/inner");
  write_file(folder / "file", std::string(1000, 'x'));
  std::filesystem::create_symlink("file", folder / "link");
  std::filesystem::create_symlink("circle", folder / "circle");
  std::filesystem::create_symlink("..", folder / "out");
  EXPECT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
}

// As many calls as one guest lives for.
void play(const std::vector<wasi::definition>& functions, weft::test::random_source& random) {
  constexpr int calls = 2'000;
  const scratch_folder top;
  const std::filesystem::path inside = top / "inside";
  furnish(inside);
  write_file(top / "secret", "secret");
  std::array<int, 2> pair{-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  std::string output;
  const guest_options options{.arguments = {"a", "b"},
                              .environment = {{"A", "1"}},
                              .directories = {{inside, "/"}, {inside / "dir", "/dir", access::read}},
                              .input = stdio::text("some input"),
                              .output = stdio::capture(output),
                              .error = stdio::null(),
                              .sockets = {pair[0]}};
  {
    random_guest guest(options, random);
    for (int i = 0; i < calls; ++i) {
      const wasi::definition& f = functions[random.below(static_cast<std::uint32_t>(functions.size()))];
      // A disk takes its time.
      const bool slow = f.name == "fd_sync" || f.name == "fd_datasync";
      if (!slow || random.one_in(50)) guest.call(f);
    }
  }
  ::close(pair[0]);
  ::close(pair[1]);
  EXPECT_EQ(read_file(top / "secret"), "secret");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(top.path()), {}), 2);
}

TEST(random_calls_test, do_no_harm) {
  const char* given = std::getenv("WEFT_FUZZ_SECONDS");
  const int guests = given != nullptr ? std::numeric_limits<int>::max() : weft::test::rounds(8);
  const std::chrono::seconds longest = given != nullptr ? std::chrono::seconds(std::atoi(given)) : 3600s;
  const limited_files limited;
  weft::run(weft::test::options_without_spares(), [&] {
    const auto end = std::chrono::steady_clock::now() + longest;
    const std::vector<wasi::definition> functions = all_functions();
    ASSERT_EQ(functions.size(), 46U);
    weft::test::random_source random;
    play(functions, random);
    const std::size_t open_before = open_descriptors();
    int played = 1;
    for (; played < guests && std::chrono::steady_clock::now() < end; ++played) play(functions, random);
    EXPECT_EQ(open_descriptors(), open_before);
    std::printf("%d guests\n", played);
  });
}

}  // namespace
}  // namespace weft::wasm::wasi
