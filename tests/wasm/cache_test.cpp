// Compiled code on disk.
#include "wasm_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include <weft/wasm/detail/code_cache.hpp>

namespace weft::wasm::test {
namespace {

using testing::HasSubstr;

std::filesystem::path only_entry(const std::filesystem::path& folder) {
  std::filesystem::path found;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    found = entry.path();
    ++count;
  }
  EXPECT_EQ(count, 1);
  return found;
}

struct cache_test : testing::Test {
  scratch_folder top;
  std::filesystem::path folder = top / "a/b/modules";

  [[nodiscard]] engine fresh_engine() const {
    return engine({.memory = allocation::on_demand, .cache_directory = folder});
  }

  // Loads the module with an engine of its own, as another process would, and runs it.
  [[nodiscard]] engine_statistics load_and_run() const {
    engine e = fresh_engine();
    std::string output;
    guest g(e.load(guest_file("small")), {.output = stdio::capture(output)});
    EXPECT_EQ(g.run(), 0);
    EXPECT_THAT(output, HasSubstr("1 arguments"));
    return e.statistics();
  }

  void expect_compiled_again(std::uint64_t rejected) const {
    const engine_statistics s = load_and_run();
    EXPECT_EQ(s.modules_compiled, 1U);
    EXPECT_EQ(s.cache_hits, 0U);
    EXPECT_EQ(s.cache_rejected, rejected);
    EXPECT_EQ(load_and_run().cache_hits, 1U);
  }
};

TEST_F(cache_test, a_module_is_compiled_once) {
  weft::test::run([this] {
    expect_compiled_again(0);
    EXPECT_EQ(load_and_run().modules_compiled, 0U);
    struct stat status = {};
    ASSERT_EQ(::stat(folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
  });
}

TEST_F(cache_test, the_same_content_is_shared_within_a_process) {
  weft::test::run([this] {
    engine e = fresh_engine();
    const std::vector<std::byte> bytes = read_bytes(guest_file("small"));
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&] {
        std::string output;
        EXPECT_EQ(guest(e.compile(bytes, "name"), {.output = stdio::capture(output)}).run(), 0);
      });
    }
    g.join();
    const wasm::module kept = e.compile(bytes, "first");
    const std::uint64_t compiled = e.statistics().modules_compiled + e.statistics().cache_hits;
    EXPECT_EQ(e.compile(bytes, "second").name(), "second");
    EXPECT_EQ(kept.name(), "first");
    EXPECT_EQ(e.statistics().modules_compiled + e.statistics().cache_hits, compiled);
    EXPECT_EQ(e.statistics().modules_compiled, 1U);
  });
}

TEST_F(cache_test, a_truncated_entry_is_compiled_again) {
  weft::test::run([this] {
    static_cast<void>(load_and_run());
    const std::filesystem::path entry = only_entry(folder);
    const auto size = std::filesystem::file_size(entry);
    for (const std::uintmax_t length : {size - 1, size / 2, std::uintmax_t{40}, std::uintmax_t{0}}) {
      std::filesystem::resize_file(entry, length);
      expect_compiled_again(1);
    }
  });
}

TEST_F(cache_test, a_damaged_entry_is_compiled_again) {
  weft::test::run([this] {
    static_cast<void>(load_and_run());
    const std::filesystem::path entry = only_entry(folder);
    const auto size = std::filesystem::file_size(entry);
    weft::test::random_source random;
    for (int i = 0; i < 20; ++i) {
      const auto at = static_cast<std::streamoff>(random.below(static_cast<std::uint32_t>(size)));
      {
        std::fstream file(entry, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(at);
        const char byte = static_cast<char>(file.get());
        file.seekp(at);
        file.put(static_cast<char>(byte ^ 0x20));
      }
      expect_compiled_again(1);
    }
  });
}

// Behind the code stand its length, a hash and the module's name.
TEST_F(cache_test, a_damaged_trailer_is_found_whatever_is_damaged) {
  weft::test::run([this] {
    static_cast<void>(load_and_run());
    const std::filesystem::path entry = only_entry(folder);
    constexpr int from_the_end[] = {1, 63, 65, 96, 97, 104, 105, 112};
    for (const int back : from_the_end) {
      {
        std::fstream file(entry, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(-back, std::ios::end);
        const char byte = static_cast<char>(file.get());
        file.seekp(-back, std::ios::end);
        file.put(static_cast<char>(byte ^ 0x20));
      }
      expect_compiled_again(1);
    }
  });
}

// Intact by its own trailer, but not what the engine wants: as an entry of another version would be.
TEST_F(cache_test, an_entry_that_the_engine_refuses_is_compiled_again) {
  weft::test::run([this] {
    static_cast<void>(load_and_run());
    const std::filesystem::path entry = only_entry(folder);
    const std::string key_text = entry.stem().string();
    detail::digest key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
      key.at(i) = static_cast<std::uint8_t>(std::stoul(key_text.substr(2 * i, 2), nullptr, 16));
    }
    const std::string foreign = "not compiled by this engine";
    detail::code_cache(folder, 1_MiB).store(key, std::as_bytes(std::span(foreign)));
    expect_compiled_again(1);
  });
}

TEST_F(cache_test, a_folder_that_cannot_be_written_is_no_error) {
  weft::test::run([] {
    for (const char* impossible : {"/proc/no/such/folder", "/dev/null/modules", ""}) {
      engine e{{.memory = allocation::on_demand, .cache_directory = impossible}};
      std::string output;
      EXPECT_EQ(guest(e.load(guest_file("small")), {.output = stdio::capture(output)}).run(), 0);
      EXPECT_EQ(e.statistics().modules_compiled, 1U);
    }
  });
}

// Code is run from there.
TEST_F(cache_test, a_folder_that_others_can_write_is_not_used) {
  weft::test::run([this] {
    static_cast<void>(load_and_run());
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    EXPECT_EQ(load_and_run().modules_compiled, 1U);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    EXPECT_EQ(load_and_run().cache_hits, 1U);
  });
}

void age(const std::filesystem::path& file, int seconds) {
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

TEST_F(cache_test, what_was_not_used_for_longest_goes_first) {
  const detail::code_cache cache(folder, 3200);
  const std::string code(900, 'c');
  const auto key = [](std::uint8_t n) { return detail::digest{n}; };
  const auto path_of = [&](std::uint8_t n) {
    const std::string digits = "0123456789abcdef";
    return folder / (std::string{digits[n >> 4], digits[n & 15]} + std::string(62, '0') + ".code");
  };
  for (std::uint8_t n = 1; n <= 3; ++n) {
    cache.store(key(n), std::as_bytes(std::span(code)));
    age(path_of(n), 100 - n);
  }
  // The oldest is used again, so the next one goes.
  EXPECT_EQ(cache.lookup(key(1)).what, detail::code_cache::found::entry);
  cache.store(key(4), std::as_bytes(std::span(code)));
  EXPECT_EQ(cache.lookup(key(1)).what, detail::code_cache::found::entry);
  EXPECT_EQ(cache.lookup(key(2)).what, detail::code_cache::found::nothing);
  EXPECT_EQ(cache.lookup(key(3)).what, detail::code_cache::found::entry);
  EXPECT_EQ(cache.lookup(key(4)).what, detail::code_cache::found::entry);
  // Larger than all the room there is: not kept, and nothing goes for it.
  const std::string large(5000, 'x');
  cache.store(key(5), std::as_bytes(std::span(large)));
  EXPECT_EQ(cache.lookup(key(5)).what, detail::code_cache::found::nothing);
  EXPECT_EQ(cache.lookup(key(4)).what, detail::code_cache::found::entry);
}

TEST_F(cache_test, what_killed_writers_left_is_cleared_away) {
  const detail::code_cache cache(folder, 10);
  const detail::code_cache roomy(folder, 1_MiB);
  roomy.store(detail::digest{1}, {});
  write_file(folder / "dead.part", "unfinished");
  write_file(folder / "alive.part", "unfinished");
  age(folder / "dead.part", 7200);
  roomy.store(detail::digest{2}, {});
  EXPECT_FALSE(std::filesystem::exists(folder / "dead.part"));
  EXPECT_TRUE(std::filesystem::exists(folder / "alive.part"));
}

TEST_F(cache_test, the_folder_is_told_by_the_environment) {
  const char* before = std::getenv("WEFT_CACHE_DIR");
  const std::optional<std::string> kept = before != nullptr ? std::optional<std::string>(before) : std::nullopt;
  ::setenv("WEFT_CACHE_DIR", "/some/where", 1);
  EXPECT_EQ(detail::default_cache_folder(), "/some/where/modules");
  ::unsetenv("WEFT_CACHE_DIR");
  ::setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(detail::default_cache_folder(), "/caches/weft/modules");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(detail::default_cache_folder().filename(), "modules");
  if (kept) ::setenv("WEFT_CACHE_DIR", kept->c_str(), 1);
}

}  // namespace
}  // namespace weft::wasm::test
