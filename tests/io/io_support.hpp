// What the tests of I/O share.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>

#include "support.hpp"

namespace weft::io::test {

// Descriptors that this process has open.
std::size_t open_descriptors();

// A test that leaves a descriptor open fails.
class io_test : public testing::Test {
 protected:
  void SetUp() override { before_ = open_descriptors(); }
  void TearDown() override { EXPECT_EQ(open_descriptors(), before_) << "descriptors leaked"; }

 private:
  std::size_t before_ = 0;
};

// Yields until the condition holds: the tests' only way to wait for something that has no wait of its own.
template <class Condition>
void yield_until(Condition condition) {
  while (!condition()) weft::yield();
}

// The engine that this run of the tests is about: "io_uring", or "epoll" where WEFT_IO says so.
std::string_view engine_under_test();
// One of that kind, for the calling thread.
std::unique_ptr<detail::engine> make_engine_under_test();

// Operations started on the engines of this runtime so far.
inline std::uint64_t operations() { return runtime::current_statistics().total().operations; }

// A byte that depends on its place and on the stream it belongs to.
constexpr std::byte pattern(std::uint64_t stream, std::uint64_t place) noexcept {
  return static_cast<std::byte>((place * 0x9E3779B97F4A7C15U + stream * 0xD1B54A32D192ED03U) >> 56);
}
std::vector<std::byte> make_pattern(std::uint64_t stream, std::uint64_t place, std::size_t size);
// How many bytes from the front are as they should be.
std::size_t matching(std::span<const std::byte> bytes, std::uint64_t stream, std::uint64_t place);

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The error that f throws; fails the test if it throws none.
template <class F>
std::system_error error_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e;
  }
  ADD_FAILURE() << "no std::system_error was thrown";
  return std::system_error(0, std::generic_category());
}

// A folder of its own, removed with what is in it.
class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct connection {
  tcp_stream client;
  tcp_stream server;
};
connection connect_pair();

}  // namespace weft::io::test
