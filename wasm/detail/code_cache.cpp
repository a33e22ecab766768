#include <weft/wasm/detail/code_cache.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/wasm/detail/handles.hpp>

namespace weft::wasm::detail {

namespace {

constexpr std::string_view suffix = ".code";
constexpr std::string_view unfinished_suffix = ".part";

// A process that was killed while it wrote leaves its unfinished file behind; nobody takes this long to write one.
constexpr auto unfinished_age = std::chrono::hours(1);

struct trailer {
  std::array<char, 8> magic = {'w', 'e', 'f', 't', 'c', 'o', 'd', '3'};
  std::uint64_t size = 0;
  digest hash = {};
  std::array<char, 64> name = {};  // of the module, cut and filled up with zeros
};
static_assert(sizeof(trailer) == 112);

// Of the code and all that the trailer says of it.
digest hash_of_entry(std::span<const std::byte> code, trailer t) noexcept {
  t.hash = hash_of(code);
  return hash_of(std::as_bytes(std::span(&t, 1)));
}

trailer trailer_of(std::span<const std::byte> code, std::string_view name) noexcept {
  trailer t;
  const std::string_view kept = name.substr(0, t.name.size());
  std::copy(kept.begin(), kept.end(), t.name.begin());
  t.size = code.size();
  t.hash = hash_of_entry(code, t);
  return t;
}

bool is_intact(std::span<const std::byte> file) noexcept {
  if (file.size() < sizeof(trailer)) return false;
  const auto code = file.first(file.size() - sizeof(trailer));
  trailer found;
  std::memcpy(&found, file.data() + code.size(), sizeof found);
  if (found.magic != trailer{}.magic || found.size != code.size()) return false;
  return found.hash == hash_of_entry(code, found);
}

std::string hexadecimal(const digest& key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : key) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// Code is run from here: whoever can write here can run anything as this user.
bool is_private_to_us(const std::filesystem::path& folder) noexcept {
  struct stat status = {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Empty if the file ends otherwise than an entry does.
std::string name_in(const std::filesystem::path& path, std::uint64_t size) {
  const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  trailer t;
  if (!fd || size < sizeof t) return "";
  const ssize_t n = ::pread(fd.get(), &t, sizeof t, static_cast<off_t>(size - sizeof t));
  if (n != static_cast<ssize_t>(sizeof t) || t.magic != trailer{}.magic) return "";
  return {t.name.begin(), std::find(t.name.begin(), t.name.end(), '\0')};
}

using entry = code_cache::entry;

// The entries of a folder; unfinished files of the dead are removed on the way.
std::vector<entry> entries_of(const std::filesystem::path& folder) {
  std::vector<entry> entries;
  std::error_code error;
  const auto now = std::filesystem::file_time_type::clock::now();
  for (auto item = std::filesystem::directory_iterator(folder, error);
       !error && item != std::filesystem::directory_iterator(); item.increment(error)) {
    std::error_code gone;
    const auto used = item->last_write_time(gone);
    const auto size = gone ? 0 : item->file_size(gone);
    if (gone) continue;
    if (item->path().extension() == suffix) {
      entries.push_back({item->path(), size, used, ""});
    } else if (item->path().extension() == unfinished_suffix && now - used > unfinished_age) {
      std::filesystem::remove(item->path(), gone);
    }
  }
  return entries;
}

}  // namespace

digest hash_of(std::span<const std::byte> bytes) noexcept {
  digest d;
  weft_hash(to_slice(bytes), d.data());
  return d;
}

code_cache::code_cache(std::filesystem::path folder, std::uint64_t limit) : folder_(std::move(folder)), limit_(limit) {}

std::filesystem::path code_cache::path_of(const digest& key) const {
  return folder_ / (hexadecimal(key) + std::string(suffix));
}

code_cache::lookup_result code_cache::lookup(const digest& key) const {
  if (folder_.empty() || !is_private_to_us(folder_)) return {};
  const std::filesystem::path path = path_of(key);
  unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const bool intact = [&] {
    const mapping file(fd.get(), static_cast<std::size_t>(status.st_size));
    return is_intact(file.bytes());
  }();
  if (!intact) {
    reject(key);
    return {.what = found::damaged, .file = {}};
  }
  ::futimens(fd.get(), nullptr);
  return {.what = found::entry, .file = std::move(fd)};
}

void code_cache::reject(const digest& key) const noexcept { ::unlink(path_of(key).c_str()); }

bool code_cache::prepare_folder() const {
  std::error_code error;
  std::filesystem::create_directories(folder_.parent_path(), error);
  ::mkdir(folder_.c_str(), 0700);
  return is_private_to_us(folder_);
}

void code_cache::store(const digest& key, std::span<const std::byte> code, std::string_view name) const noexcept {
  try {
    store_unguarded(key, code, name);
  } catch (...) {
    // Out of memory for a path: the code simply is not kept.
  }
}

void code_cache::store_unguarded(const digest& key, std::span<const std::byte> code, std::string_view name) const {
  if (folder_.empty() || code.size() + sizeof(trailer) > limit_ || !prepare_folder()) return;
  static std::atomic<unsigned> counter{0};
  const std::filesystem::path unfinished = folder_ / (hexadecimal(key) + "." + std::to_string(::getpid()) + "." +
                                                      std::to_string(counter++) + std::string(unfinished_suffix));
  const unique_fd fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return;
  const trailer t = trailer_of(code, name);
  const bool written = write_whole(fd.get(), code) && write_whole(fd.get(), std::as_bytes(std::span(&t, 1)));
  const std::filesystem::path finished = path_of(key);
  if (!written || ::rename(unfinished.c_str(), finished.c_str()) != 0) {
    ::unlink(unfinished.c_str());
    return;
  }
  shrink(finished);
}

std::vector<entry> code_cache::entries() const {
  if (folder_.empty() || !is_private_to_us(folder_)) return {};
  std::vector<entry> all = entries_of(folder_);
  std::sort(all.begin(), all.end(), [](const entry& a, const entry& b) { return a.used > b.used; });
  for (entry& e : all) e.name = name_in(e.path, e.size);
  return all;
}

code_cache::pruned code_cache::prune(std::uint64_t size_left, std::chrono::nanoseconds most_unused) const {
  pruned gone;
  std::uint64_t kept = 0;
  const auto now = std::filesystem::file_time_type::clock::now();
  bool full = false;
  for (const entry& e : entries()) {
    full = full || kept + e.size > size_left;
    if (!full && now - e.used < most_unused) {
      kept += e.size;
      continue;
    }
    std::error_code error;
    if (!std::filesystem::remove(e.path, error)) continue;
    ++gone.entries;
    gone.bytes += e.size;
  }
  return gone;
}

void code_cache::shrink(const std::filesystem::path& keep) const {
  std::vector<entry> entries = entries_of(folder_);
  std::uint64_t total = 0;
  for (const entry& e : entries) total += e.size;
  if (total <= limit_) return;
  std::sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) { return a.used < b.used; });
  for (const entry& e : entries) {
    if (total <= limit_) return;
    if (e.path == keep) continue;
    std::error_code error;
    if (std::filesystem::remove(e.path, error)) total -= e.size;
  }
}

std::filesystem::path default_cache_folder() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (const auto own = variable("WEFT_CACHE_DIR"); !own.empty()) return own / "modules";
  if (const auto caches = variable("XDG_CACHE_HOME"); caches.is_absolute()) return caches / "weft" / "modules";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "weft" / "modules";
  return {};
}

}  // namespace weft::wasm::detail
