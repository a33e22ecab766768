// From the guest's paths to the host's files. The kernel walks every path, beneath the directory the guest was given
// and never out of it (openat2 with RESOLVE_BENEATH); no path is ever put together here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <weft/wasm/detail/files.hpp>
#include <weft/wasm/wasi/memory.hpp>

namespace weft::wasm::wasi {

// A path as the kernel takes it. Throws failure: ilseq if it is not UTF-8, inval with a null character inside, noent if
// it is empty, nametoolong.
[[nodiscard]] std::string path_text(const guest_memory& memory, pointer at, size length);

// openat2 beneath the directory; a descriptor or a negative errno. A path that leads out answers -EXDEV.
[[nodiscard]] int open_beneath(int directory, const char* path, std::uint64_t flags, std::uint64_t mode) noexcept;

// As from_errno, for calls on paths: what led out of the directory was not granted.
[[nodiscard]] errc from_path_errno(int error) noexcept;

// The directory that holds the last component of a path, opened, and that component with its trailing slashes: what
// calls need that make, remove or rename a name. They never follow the last component.
class parent {
 public:
  // Throws failure. The directory must stay open.
  parent(int directory, const std::string& path);

  [[nodiscard]] int directory() const noexcept { return opened_ ? opened_.get() : directory_; }
  // "." and "..", which name no entry of their own, are refused with `refusal` once it is clear that they lie beneath.
  [[nodiscard]] const char* name(errc refusal) const;
  [[nodiscard]] bool has_trailing_slash() const noexcept { return name_.ends_with('/'); }
  [[nodiscard]] std::string without_trailing_slashes() const;

 private:
  int directory_;
  detail::unique_fd opened_;
  std::string name_;
};

}  // namespace weft::wasm::wasi
