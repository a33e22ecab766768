// What the demo found, as a table for people and as JSON.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "passes.hpp"
#include "picture.hpp"

namespace demo {

struct findings {
  pass alone;     // one worker
  pass together;  // all of them
  pass hogs;
  bool one_worker_only = false;  // there is no second pass: the machine gives this process one CPU

  std::size_t files = 0;
  std::uint64_t file_bytes = 0;
  std::string picture_checksum;
  std::filesystem::path picture_file;
  std::string languages;  // "C 44, C++ 9, ..."
};

[[nodiscard]] std::string as_table(findings& f, bool colour);

// One object, with a newline.
[[nodiscard]] std::string as_json(findings& f);

}  // namespace demo
