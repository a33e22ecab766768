// What the tests of guests share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <support.hpp>
#include <weft/weft.hpp>

#include <weft/wasm/wasm.hpp>

namespace weft::wasm::test {

// A new folder, gone with everything in it at the end.
class scratch_folder {
 public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& file, std::string_view content);
[[nodiscard]] std::string read_file(const std::filesystem::path& file);
[[nodiscard]] std::vector<std::byte> read_bytes(const std::filesystem::path& file);

// The engine that tests share; compiled code is kept for the length of the test program.
[[nodiscard]] engine& shared_engine();

// A guest compiled with the tests, by name; loaded once.
[[nodiscard]] module load(std::string_view name);
[[nodiscard]] std::filesystem::path guest_file(std::string_view name);

// From WebAssembly text.
[[nodiscard]] std::vector<std::byte> assemble(std::string_view text);
[[nodiscard]] module assemble_module(std::string_view text, std::string_view name = "test.wasm");

struct result {
  int exit_code = -1;
  std::string output;
  std::string error;
};

// Runs a guest to its end, with its output captured.
result run_guest(const module& m, guest_options options);
// The guest `tool`, with these arguments.
result run_tool(std::vector<std::string> arguments, guest_options options = {});
// The same, with the folder as "/data".
result run_tool_in(const std::filesystem::path& folder, std::vector<std::string> arguments,
                   access rights = access::read_write);

// Runs the tool and gives the trap that it ends by; fails the test if it does not.
[[nodiscard]] std::optional<trap> trap_of(const module& m, guest_options options);

// Both ends of a pipe, as plain descriptors.
struct raw_pipe {
  raw_pipe();
  ~raw_pipe();
  raw_pipe(const raw_pipe&) = delete;
  raw_pipe& operator=(const raw_pipe&) = delete;
  void close_writer();
  [[nodiscard]] int reader() const { return ends[0]; }
  [[nodiscard]] int writer() const { return ends[1]; }
  std::array<int, 2> ends{-1, -1};
};

// Reads until the text has come, or the end. Parks.
std::string read_until(int fd, std::string_view text);
std::string read_to_end(int fd);
void write_text(int fd, std::string_view text);

[[nodiscard]] std::size_t open_descriptors();

}  // namespace weft::wasm::test
