// The files that the reading guests hash: the sources of this repository where they are at hand, and generated data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace demo {

// A folder of its own for one run of the demo, removed at the end.
class scratch_folder {
 public:
  // Beneath the system's folder for temporary files. Throws std::system_error.
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

struct corpus {
  // Names as the guests see them ("/sources/README.md"), in a fixed order, and where they are in truth.
  std::map<std::string, std::filesystem::path> files;
  std::uint64_t bytes = 0;

  // The names dealt out to `count` guests.
  [[nodiscard]] std::vector<std::vector<std::string>> deal(std::size_t count) const;
};

inline constexpr const char* sources_in_guest = "/sources";
inline constexpr const char* data_in_guest = "/data";

// Copies of the regular files of up to a mebibyte beneath `sources` (without hidden and build folders; none if the folder is not
// there) in `copies`, so that nobody changes them meanwhile; `generated_files` of `generated_size` bytes and a few odd sizes in
// `data`, with content that depends on nothing but their names.
[[nodiscard]] corpus make_corpus(const std::filesystem::path& sources, const std::filesystem::path& copies,
                                 const std::filesystem::path& data, std::size_t generated_files,
                                 std::size_t generated_size);

}  // namespace demo
