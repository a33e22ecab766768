// Compiled code kept on disk, shared by all processes of a user.
//
// An entry is one file, named by what it was compiled from and for. It holds the engine's compiled bytes, then a
// trailer: a magic number, the length of the code, the module's name, and a hash of all that. An entry appears by one rename, so nobody sees a part
// of one; what does not match its trailer is removed and compiled again. Because entries are native code, the folder
// must belong to the user and be writable by nobody else, or it is not used. All functions block the thread; none fails
// because the disk is full or the folder cannot be written: then nothing is kept.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/wasm/detail/files.hpp>

namespace weft::wasm::detail {

using digest = std::array<std::uint8_t, 32>;

[[nodiscard]] digest hash_of(std::span<const std::byte> bytes) noexcept;

class code_cache {
 public:
  // `limit`: bytes of all entries. An empty folder name makes a cache that keeps nothing.
  code_cache(std::filesystem::path folder, std::uint64_t limit);

  enum class found { nothing, entry, damaged };
  struct lookup_result {
    found what = found::nothing;
    unique_fd file;  // of an entry: compiled bytes, followed by what does not matter
  };

  // The entry for the key, verified, and marked as used now. A damaged one is removed.
  [[nodiscard]] lookup_result lookup(const digest& key) const;

  // Removes an entry that was intact but which the engine refused.
  void reject(const digest& key) const noexcept;

  // Keeps compiled bytes, then drops what was not used for longest until the limit holds. The name is for people, who
  // look at what is kept.
  void store(const digest& key, std::span<const std::byte> code, std::string_view name = {}) const noexcept;

  struct entry {
    std::filesystem::path path;
    std::uint64_t size;  // of the file
    std::filesystem::file_time_type used;
    std::string name;  // the module's, or its beginning
  };
  // What is kept, the entry used last first. Empty if there is no such folder, or it is not ours alone.
  [[nodiscard]] std::vector<entry> entries() const;

  struct pruned {
    std::size_t entries = 0;
    std::uint64_t bytes = 0;
  };
  // Removes what was not used for `most_unused`, and of the rest what was not used for longest until no more than
  // `size_left` bytes are left. Entries in use stay usable by whoever has them open.
  pruned prune(std::uint64_t size_left, std::chrono::nanoseconds most_unused) const;

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  [[nodiscard]] std::filesystem::path path_of(const digest& key) const;
  [[nodiscard]] bool prepare_folder() const;
  void store_unguarded(const digest& key, std::span<const std::byte> code, std::string_view name) const;
  void shrink(const std::filesystem::path& keep) const;

  std::filesystem::path folder_;
  std::uint64_t limit_;
};

// $WEFT_CACHE_DIR, else $XDG_CACHE_HOME/weft, else ~/.cache/weft, each with /modules; empty if none of them can be
// told.
[[nodiscard]] std::filesystem::path default_cache_folder();

}  // namespace weft::wasm::detail
