// Whether the threads of a program can be made fibers, as far as its file tells.
#pragma once

#include <filesystem>
#include <string>

namespace weft::cli {

// The file that execvp() would take for that word. Throws usage_error if there is none.
[[nodiscard]] std::filesystem::path find_executable(const std::string& word);

// Follows "#!" to the interpreter. Throws usage_error with what is in the way: a static program, one of another machine or C library, one written in
// Go (which makes its threads by system calls of its own), one that runs as somebody else and takes no preloads.
void check_threads_can_be_fibers(const std::filesystem::path& program);

}  // namespace weft::cli
