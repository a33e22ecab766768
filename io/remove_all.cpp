#include <cerrno>
#include <cstdint>
#include <string>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/tree_walker.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

// How many entries a helper thread looks at before the fiber may be cancelled.
constexpr int entries_at_once = 256;

class removal {
 public:
  explicit removal(const std::string& path)
      : path_(path), walker_({.follow_symlinks = false, .status = false, .leave = true}) {}

  // A negative errno, or zero. As step(): on a helper thread.
  int begin() { return walker_.begin(path_, false); }

  // Removes some; a negative errno, 0 at the end, 1 if there is more.
  int step() {
    for (int i = 0; i < entries_at_once; ++i) {
      while (!walker_.advance()) walker_.ask();
      const std::optional<walk_entry> entry = walker_.take();
      if (!entry) return 0;
      path_ = entry->path;
      if (entry->error == std::errc::no_such_file_or_directory) continue;
      if (entry->error) return -entry->error.value();
      if (entry->is_directory() && !entry->leaving) continue;
      const int result = walker_.remove_last();
      if (result == 0) ++removed_;
      if (result < 0 && result != -ENOENT) return result;
    }
    return 1;
  }

  [[nodiscard]] std::uint64_t removed() const noexcept { return removed_; }
  // Of the entry that the last step() came to.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  detail::tree_walker walker_;
  std::uint64_t removed_ = 0;
};

// Sets `culprit` beside the error.
std::uint64_t remove_tree(const std::filesystem::path& path, std::error_code& error, std::string& culprit) {
  error.clear();
  removal r(path.string());
  int result = blocking([&] { return r.begin(); });
  if (result == -ENOENT) return 0;
  if (result == 0) result = 1;
  while (result == 1) result = blocking([&] { return r.step(); });
  if (result < 0) {
    error = detail::code_of(-result);
    culprit = r.path();
  }
  return r.removed();
}

}  // namespace

std::uint64_t remove_all(const std::filesystem::path& path, std::error_code& error) {
  std::string culprit;
  return remove_tree(path, error, culprit);
}

std::uint64_t remove_all(const std::filesystem::path& path) {
  std::error_code error;
  std::string culprit;
  const std::uint64_t removed = remove_tree(path, error, culprit);
  if (error) detail::fail(error.value(), "remove " + detail::quoted(culprit));
  return removed;
}

}  // namespace weft::io
