#include "corpus.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <random>
#include <stdexcept>
#include <system_error>

namespace demo {

namespace fs = std::filesystem;

scratch_folder::scratch_folder() {
  std::string name = (fs::temp_directory_path() / "weft-demo-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot create a folder like " + name + "; set TMPDIR to another place");
  }
  path_ = name;
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

namespace {

void add_file(corpus& c, std::string name, const fs::path& path, std::uint64_t size) {
  c.files.emplace(std::move(name), path);
  c.bytes += size;
}

bool is_passed_over(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.starts_with('.') || name == "build" || fs::exists(folder / "CMakeCache.txt");
}

constexpr std::uint64_t largest_source = 1 << 20;

void add_sources(corpus& c, const fs::path& sources, const fs::path& copies) {
  fs::create_directories(copies);
  if (sources.empty() || !fs::is_directory(sources)) return;
  for (auto entry = fs::recursive_directory_iterator(sources); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->is_symlink()) continue;
    const fs::path below = entry->path().lexically_relative(sources);
    if (entry->is_directory()) {
      if (is_passed_over(entry->path())) {
        entry.disable_recursion_pending();
      } else {
        fs::create_directories(copies / below);
      }
    } else if (entry->is_regular_file() && entry->file_size() <= largest_source) {
      fs::copy_file(entry->path(), copies / below);
      add_file(c, std::string(sources_in_guest) + '/' + below.generic_string(), copies / below,
               fs::file_size(copies / below));
    }
  }
}

void generate_file(const fs::path& path, std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random(seed);
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>(random());
  std::ofstream file(path, std::ios::binary);
  if (!file.write(content.data(), static_cast<std::streamsize>(size)).flush()) {
    throw std::runtime_error("cannot write " + path.string() + "; is the disk full? TMPDIR names another place");
  }
}

// Around the block size of SHA-256, where implementations go wrong.
constexpr std::size_t odd_sizes[] = {0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 4095, 65537};

}  // namespace

corpus make_corpus(const fs::path& sources, const fs::path& copies, const fs::path& data, std::size_t generated_files,
                   std::size_t generated_size) {
  corpus c;
  add_sources(c, sources, copies);
  fs::create_directories(data);
  const auto generate = [&](const std::string& name, std::uint64_t seed, std::size_t size) {
    generate_file(data / name, seed, size);
    add_file(c, std::string(data_in_guest) + '/' + name, data / name, size);
  };
  for (std::size_t i = 0; i < generated_files; ++i) generate("block-" + std::to_string(i), i, generated_size);
  for (const std::size_t size : odd_sizes) generate("odd-" + std::to_string(size), size, size);
  return c;
}

std::vector<std::vector<std::string>> corpus::deal(std::size_t count) const {
  std::vector<std::vector<std::string>> hands(count);
  std::size_t next = 0;
  for (const auto& [name, path] : files) hands[next++ % count].push_back(name);
  return hands;
}

}  // namespace demo
