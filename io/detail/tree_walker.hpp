// Walking a directory tree, split into what needs the system, for a helper thread, and what does not. Used by tree_walk and remove_all.
//
//   while (!w.advance()) blocking([&] { w.ask(); });
//   std::optional<walk_entry> entry = w.take();
//
// The directories from the root to where the walk is are levels on a stack. Those far up are closed when the stack grows: the rest of their entries
// is read first, and they are opened again from below, by "..", when the walk comes back to them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <weft/io/detail/directory_stream.hpp>
#include <weft/io/directory.hpp>

namespace weft::io::detail {

class tree_walker {
 public:
  explicit tree_walker(walk_options o) : options_(o) {}

  // Looks at where the walk begins. A negative errno, or zero. Asks the system.
  int begin(const std::string& from, bool follow);

  // Gets the next entry ready if that needs nothing of the system; false: ask() first.
  bool advance();
  // One step with the system.
  void ask();
  // What advance() got ready; empty at the end.
  std::optional<walk_entry> take();
  void skip() noexcept { descend_ = false; }

  // Removes the entry that was taken last: a file, or a directory that is being left. A negative errno, or zero. Asks the system.
  int remove_last() noexcept;

 private:
  struct level {
    directory_stream stream;
    walk_entry self;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool through_link = false;
  };

  [[nodiscard]] int current_directory() const noexcept;
  [[nodiscard]] const char* last_name() const noexcept { return last_.c_str() + name_at_; }
  [[nodiscard]] bool is_above(const file_status& directory) const noexcept;
  [[nodiscard]] directory_stream::what wanted() const noexcept { return {options_.status, options_.follow_symlinks}; }
  [[nodiscard]] walk_entry entry_of(directory_stream::entry&& e) const;
  int descend();
  void close_far_level();
  void read_batch();
  [[nodiscard]] bool can_leave() const noexcept;
  void leave();
  void return_to_parent();

  walk_options options_;
  std::vector<level> levels_;
  std::optional<walk_entry> ready_;
  bool ready_is_link_ = false;
  std::string last_;  // path of the entry taken last, and where its name begins
  std::size_t name_at_ = 0;
  bool last_is_directory_ = false;
  walk_entry to_descend_;  // what descend_ is about
  bool descend_ = false;
  bool descend_is_link_ = false;
  bool follow_root_ = false;
};

}  // namespace weft::io::detail
