// Changes of files and directories, told as they happen (inotify(7)).
//
//   weft::io::watcher changes("config");
//   while (auto event = changes.next()) {
//     if (event->what == weft::io::change::overflow) look_at_everything();
//     else look_at(event->path());
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io {

enum class change : std::uint8_t {
  created,        // an entry came to be, or a file got another name there
  removed,        // an entry was removed
  renamed_from,   // an entry was given another name, here or elsewhere: this was the old one
  renamed_to,     // this is the new one; the two have the same `pair`
  modified,       // the content; often many times for one that is written
  closed,         // who had opened it for writing has closed it: the content is complete
  attributes,     // permissions, times, owner, number of names
  watched_gone,   // what was watched is removed, or its file system unmounted: nothing more comes of it
  watched_moved,  // what was watched has another name now; it is still watched
  overflow,       // the kernel's queue was full: changes have been lost, of anything that is watched
};

struct watch_event {
  change what = change::overflow;
  std::filesystem::path watched = {};  // as it was given to add(); empty for an overflow
  std::string name = {};               // the entry; empty where it is about what is watched itself
  bool is_directory = false;
  std::uint32_t pair = 0;  // for the two halves of a renaming

  [[nodiscard]] std::filesystem::path path() const { return name.empty() ? watched : watched / name; }
};

// A queue of changes. Directories are watched with their entries, but not what is in directories below; files may be watched, too. What
// happens between two calls of next() is kept by the kernel, up to a limit (fs.inotify.max_queued_events). Movable. For one fiber
// at a time, but for close(), which wakes who waits.
class watcher {
 public:
  // Watches nothing yet. Throws std::system_error: EMFILE where the user has too many (fs.inotify.max_user_instances). Does not park.
  watcher();
  explicit watcher(const std::filesystem::path& first) : watcher() { add(first); }

  // Watches one more. What happens from here on is told. A helper thread does it; parks. Throws std::system_error: ENOSPC where the user watches too many
  // (fs.inotify.max_user_watches).
  void add(const std::filesystem::path& path);
  // Watches it no longer; what has happened already is still told. Nothing happens if it is not watched.
  void remove(const std::filesystem::path& path);

  // The next change; parks until there is one. Empty when nothing is watched any more. A cancellation point, at which nothing is lost. Throws
  // std::system_error (ECANCELED when another fiber closes it).
  [[nodiscard]] std::optional<watch_event> next();

  void close() { descriptor_.close(); }
  // Readable when there are changes, for select() and poll_many(); but next() may have some left that it has read already.
  [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

 private:
  void fill();
  std::optional<watch_event> take();

  detail::descriptor_handle descriptor_;
  std::map<int, std::filesystem::path> watched_;
  std::vector<std::byte> events_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

}  // namespace weft::io
