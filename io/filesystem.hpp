// The file system by path: looking, renaming, removing, linking, copying. Directories are read by directory.hpp, files by file.hpp.
//
//   weft::io::make_directories("out/images");
//   weft::io::copy_file(from, to, {.progress = [&](auto done, auto total) { show(done, total); }});
//
// A path may lead to a disk or a server that takes its time, so each of these calls is made by a helper thread (weft::blocking) while the
// fiber parks: some 10 us for what the caches hold, and no worker is ever kept. Only status() and its kin look at once, in 2 us, for what the kernel's caches know of a
// file system on a disk. A cancellation point on entry; once begun, a call's end is
// awaited. remove_all() and copy_file() go in pieces, with a cancellation point between them. Outside weft's fibers the calls block the thread.
//
// Call them by their qualified names: for an argument of type std::filesystem::path the compiler looks there as well, where functions of the same
// names block the thread.
//
// All come in two forms: one throws std::system_error, whose message names the paths, the other reports the errno in `error` (generic
// category) and returns an empty value. Any number of fibers may call them at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>

#include <weft/io/file_status.hpp>

namespace weft::io {

// What is there; of a symbolic link what it leads to, link_status() tells of the link itself.
[[nodiscard]] file_status status(const std::filesystem::path& path);
[[nodiscard]] file_status status(const std::filesystem::path& path, std::error_code& error);
[[nodiscard]] file_status link_status(const std::filesystem::path& path);
[[nodiscard]] file_status link_status(const std::filesystem::path& path, std::error_code& error);

// Whether something is there. That nothing is there is no error; that it cannot be known is one.
[[nodiscard]] bool exists(const std::filesystem::path& path);
[[nodiscard]] bool exists(const std::filesystem::path& path, std::error_code& error);

// Gives a file or directory another name in the same file system (else EXDEV), in one step; a file that has that name is replaced.
void rename(const std::filesystem::path& from, const std::filesystem::path& to);
void rename(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& error);

// Removes a file, a link or an empty directory; false if there is nothing of that name.
bool remove(const std::filesystem::path& path);
bool remove(const std::filesystem::path& path, std::error_code& error);

// Removes it with all that is in it; never what a symbolic link leads to. Returns how many were removed. Stops at the first that cannot be
// removed, which the message names. Works relative to the directories it has open, so that nothing else is removed if somebody moves them.
std::uint64_t remove_all(const std::filesystem::path& path);
std::uint64_t remove_all(const std::filesystem::path& path, std::error_code& error);

// True if it was made, false if it is there already. make_directories() makes those above it as well. Permissions are 0777 less the umask.
bool make_directory(const std::filesystem::path& path);
bool make_directory(const std::filesystem::path& path, std::error_code& error);
bool make_directories(const std::filesystem::path& path);
bool make_directories(const std::filesystem::path& path, std::error_code& error);

// Where a symbolic link leads, as it stands there.
[[nodiscard]] std::filesystem::path read_link(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path read_link(const std::filesystem::path& path, std::error_code& error);
// `link` is what is made, `target` where it leads.
void make_link(const std::filesystem::path& target, const std::filesystem::path& link);
void make_link(const std::filesystem::path& target, const std::filesystem::path& link, std::error_code& error);
// Gives a file one more name in the same file system.
void make_hard_link(const std::filesystem::path& file, const std::filesystem::path& name);
void make_hard_link(const std::filesystem::path& file, const std::filesystem::path& name, std::error_code& error);

void set_permissions(const std::filesystem::path& path, std::filesystem::perms permissions);
void set_permissions(const std::filesystem::path& path, std::filesystem::perms permissions, std::error_code& error);

// The times of the last reading and writing; what is empty stays.
void set_times(const std::filesystem::path& path, std::optional<file_time> accessed, std::optional<file_time> modified);
void set_times(const std::filesystem::path& path, std::optional<file_time> accessed, std::optional<file_time> modified,
               std::error_code& error);

struct copy_options {
  // Whether a file that is there is replaced, in one step; else it is an error (EEXIST).
  bool overwrite = false;
  // Whether the copy is on the disk, name included, when the call returns.
  bool sync = false;
  // Told after each piece how many bytes of how many are done; on the calling fiber, where it may park. What it throws ends the copy.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

// Copies a regular file; returns its size. A new file gets the permissions of the first, less the umask; one that is replaced keeps its own. Where the file system can, the two share their blocks (reflink) or the
// kernel copies; holes stay holes. The copy gets its name when it is complete: on failure or cancellation nothing is left of it, and a file that was to
// be replaced is as it was.
std::uint64_t copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const copy_options& o = {});
std::uint64_t copy_file(const std::filesystem::path& from, const std::filesystem::path& to, const copy_options& o,
                        std::error_code& error);

}  // namespace weft::io
