// What is in directories: one directory, or the whole tree below.
//
//   for (const auto& entry : weft::io::directory("photos")) use(entry.name);
//
//   weft::io::tree_walk walk(".", {.status = true});
//   for (const auto& entry : walk) {
//     if (entry.error) { warn(entry.path, entry.error); continue; }
//     if (entry.name() == ".git") walk.skip();
//     bytes += entry.status->allocated;
//   }
//
// Neither loads more than some hundred entries at once, however large the directory. A helper thread (weft::blocking) reads, opens and looks, a
// batch of entries a time, while the fiber parks; so most steps cost no system call and no switch. Those that do are cancellation points.
// Objects are for one fiber at a time. Outside weft's fibers the thread blocks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <weft/io/file_status.hpp>

namespace weft::io {

namespace detail {

class directory_stream;
class tree_walker;

// An input iterator over what `next()` gives, for the classes below.
template <class Source, class Value>
class pull_iterator {
 public:
  using value_type = Value;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  explicit pull_iterator(Source& source) : source_(&source), value_(source.next()) {}
  const Value& operator*() const { return *value_; }
  const Value* operator->() const { return &*value_; }
  pull_iterator& operator++() {
    value_ = source_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const pull_iterator& i, std::default_sentinel_t) { return !i.value_; }

 private:
  Source* source_;
  std::optional<Value> value_;
};

}  // namespace detail

struct directory_entry {
  std::string name = {};
  // Of the entry itself: a symbolic link is one.
  std::filesystem::file_type type = std::filesystem::file_type::unknown;
};

// The entries of a directory, without "." and "..", in the file system's order. Whether one that is made or removed meanwhile is among them is
// open. An input range: it is gone through once. Movable.
class directory {
 public:
  // Opens it; parks. Throws std::system_error.
  explicit directory(const std::filesystem::path& path);
  ~directory();
  directory(directory&&) noexcept;
  directory& operator=(directory&&) noexcept;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  // The next entry; empty at the end. Parks where a batch is at its end. Throws std::system_error when it cannot be read.
  [[nodiscard]] std::optional<directory_entry> next();

  [[nodiscard]] auto begin() { return detail::pull_iterator<directory, directory_entry>(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<detail::directory_stream> stream_;
};

struct walk_options {
  // Symbolic links are entries like others unless they are followed; then they have the type of what they lead to. One that leads
  // to a directory which is being walked comes with the error ELOOP and is not walked again.
  bool follow_symlinks = false;
  // Entries come with their status.
  bool status = false;
  // A directory comes once more when all that is in it has come.
  bool leave = false;
};

struct walk_entry {
  std::string path = {};  // begins with the path that the walk began with
  std::filesystem::file_type type = std::filesystem::file_type::unknown;
  std::size_t depth = 0;  // 0: where the walk began
  bool leaving = false;   // it is a directory, and all that is in it has come
  // With walk_options::status, unless there is an error.
  std::optional<file_status> status = {};
  // Why it could not be looked at; or why a directory, which has come before without an error, cannot be read.
  std::error_code error = {};

  [[nodiscard]] bool is_directory() const noexcept { return type == std::filesystem::file_type::directory; }
  // The last part of the path.
  [[nodiscard]] std::string_view name() const noexcept {
    return std::string_view(path).substr(path.find_last_of('/') + 1);
  }
};

// Everything in a tree, the place where it begins included (which may also be a file, and if it is a symbolic link is followed): each directory before what is in it, in the file system's
// order. What goes wrong with an entry is told by that entry, and the walk goes on.
//
// Directories are opened relative to the one they are in, so that one that is renamed while it is walked is walked on, and no link that
// somebody puts in the way is followed. At most some 30 of them are open at once, however deep the tree (but each one that was come to through a
// symbolic link stays open). An input range, gone through once. Movable.
class tree_walk {
 public:
  // Looks at where it begins; parks. Throws std::system_error if that is not possible.
  explicit tree_walk(const std::filesystem::path& from, walk_options o = {});
  ~tree_walk();
  tree_walk(tree_walk&&) noexcept;
  tree_walk& operator=(tree_walk&&) noexcept;

  // The next entry; empty at the end. Parks where a directory begins and where a batch is at its end.
  [[nodiscard]] std::optional<walk_entry> next();

  // Leaves out what is in the directory that has come last; it does not come once more.
  void skip() noexcept;

  [[nodiscard]] auto begin() { return detail::pull_iterator<tree_walk, walk_entry>(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

 private:
  std::unique_ptr<detail::tree_walker> walker_;
};

}  // namespace weft::io
