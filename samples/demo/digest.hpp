// SHA-256 by OpenSSL: what the guests' own implementations are held against.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace demo {

// In hexadecimal.
[[nodiscard]] std::string sha256(const void* data, std::size_t size);

// Of a file's content. Throws std::runtime_error if it cannot be read.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace demo
