// statx(2), as everything here that looks at files does it.
#pragma once

#include <filesystem>

#include <weft/io/file_status.hpp>

namespace weft::io::detail {

// Of `name` as seen from a directory, or of the descriptor itself where the name is empty. A negative errno, or zero. Does not park: it may block
// the thread where the name leads to a slow disk.
int look_up(int directory, const char* name, bool follow, file_status& status) noexcept;

// The same of a path, as far as it can be known at once: from the kernel's caches, of a file system on a block device. Else -EAGAIN. Never blocks.
int look_up_cached(const char* path, bool follow, file_status& status) noexcept;

// Of a directory entry's DT_* or a mode's S_IF*.
[[nodiscard]] std::filesystem::file_type type_of_entry(unsigned char type) noexcept;
[[nodiscard]] std::filesystem::file_type type_of_mode(unsigned mode) noexcept;

}  // namespace weft::io::detail
