#include <weft/wasm/cli/executable.hpp>

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include <weft/wasm/cli/usage_error.hpp>

namespace weft::cli {

namespace {

namespace fs = std::filesystem;

constexpr int most_interpreters = 4;  // as the kernel

bool can_be_run(const fs::path& p) {
  std::error_code ignored;
  return fs::is_regular_file(p, ignored) && ::access(p.c_str(), X_OK) == 0;
}

[[noreturn]] void refuse(const fs::path& program, const std::string& why) {
  throw usage_error("exec: the threads of " + program.string() + " cannot be fibers: " + why);
}

// The headers of an ELF file, with every read checked against its size.
class elf_file {
 public:
  explicit elf_file(const fs::path& path) : in_(path, std::ios::binary) {}

  template <class T>
  [[nodiscard]] std::optional<T> read(std::uint64_t offset) {
    T value;
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(reinterpret_cast<char*>(&value), sizeof value);
    if (!in_) return std::nullopt;
    return value;
  }
  [[nodiscard]] std::string text(std::uint64_t offset, std::size_t most) {
    std::string s(most, '\0');
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(s.data(), static_cast<std::streamsize>(most));
    s.resize(static_cast<std::size_t>(in_.gcount()));
    return s.substr(0, s.find('\0'));
  }

 private:
  std::ifstream in_;
};

bool has_section(elf_file& file, const Elf64_Ehdr& header, std::string_view wanted) {
  const auto at = [&](unsigned i) {
    return file.read<Elf64_Shdr>(header.e_shoff + static_cast<std::uint64_t>(i) * sizeof(Elf64_Shdr));
  };
  if (header.e_shoff == 0) return false;
  const auto names = at(header.e_shstrndx);
  if (!names) return false;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto section = at(i);
    if (section && file.text(names->sh_offset + section->sh_name, wanted.size() + 1) == wanted) return true;
  }
  return false;
}

// Of the dynamic loader; empty for a static program.
std::string loader_of(elf_file& file, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto part = file.read<Elf64_Phdr>(header.e_phoff + static_cast<std::uint64_t>(i) * sizeof(Elf64_Phdr));
    constexpr std::size_t longest = 4096;
    if (part && part->p_type == PT_INTERP)
      return file.text(part->p_offset, std::min<std::size_t>(part->p_filesz, longest));
  }
  return {};
}

void check_elf(const fs::path& program) {
  elf_file file(program);
  const auto header = file.read<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    refuse(program, "it is neither an ELF program nor a script that names its interpreter");
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64) {
    refuse(program, "it is not for 64-bit x86, and weft knows no other thread blocks");
  }
  if (has_section(file, *header, ".go.buildinfo") || has_section(file, *header, ".note.go.buildid")) {
    refuse(program,
           "it is written in Go, whose runtime makes and schedules its threads by system calls of its own; run it as "
           "it is, "
           "its goroutines are green threads already");
  }
  const std::string loader = loader_of(file, *header);
  if (loader.empty()) {
    refuse(program,
           "it is linked statically, so nothing can stand in front of its pthread_create(); link it dynamically");
  }
  if (loader.find("ld-linux-x86-64") == std::string::npos) {
    refuse(program, "its C library is not glibc (its loader is " + loader + ")");
  }
}

std::optional<fs::path> interpreter_of(const fs::path& program) {
  std::ifstream in(program, std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || !line.starts_with("#!")) return std::nullopt;
  std::istringstream words(line.substr(2));
  std::string interpreter, argument;
  words >> interpreter >> argument;
  if (fs::path(interpreter).filename() == "env" && !argument.empty() && !argument.starts_with('-'))
    return find_executable(argument);
  return fs::path(interpreter);
}

}  // namespace

fs::path find_executable(const std::string& word) {
  if (word.find('/') != std::string::npos) {
    if (can_be_run(word)) return word;
    throw usage_error("exec: cannot run " + word + ": " + std::strerror(errno == 0 ? ENOENT : errno));
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / word;
    if (can_be_run(candidate)) return candidate;
  }
  throw usage_error("exec: there is no program '" + word + "' in $PATH");
}

void check_threads_can_be_fibers(const fs::path& program) {
  fs::path p = program;
  for (int i = 0; i < most_interpreters; ++i) {
    struct stat status = {};
    if (::stat(p.c_str(), &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0) {
      refuse(p, "it runs as another user or group, so the system ignores what is to be preloaded");
    }
    const std::optional<fs::path> interpreter = interpreter_of(p);
    if (!interpreter) return check_elf(p);
    p = *interpreter;
  }
  refuse(program, "its interpreter is a script, whose interpreter is a script, and so on");
}

}  // namespace weft::cli
