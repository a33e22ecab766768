#include <weft/wasm/cli/exec_command.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <weft/wasm/cli/executable.hpp>
#include <weft/wasm/cli/usage_error.hpp>

namespace weft::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* library_name = "libweft-exec.so";

constexpr const char* examples = R"(Examples:
  weft exec ./server --port 8080
  weft exec --workers 2 -- python3 fetch.py
  weft exec zstd -T4 big.tar)";

// Beside the program where it was built, in the folder of libraries where it was installed.
fs::path find_library() {
  if (const char* given = std::getenv("WEFT_EXEC_LIBRARY")) return given;
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = own.parent_path();
  for (const fs::path& candidate : {folder / library_name, folder / ".." / WEFT_LIBRARY_FOLDER / library_name}) {
    if (fs::exists(candidate, error)) return fs::canonical(candidate);
  }
  throw std::runtime_error(std::string("exec: ") + library_name + " is neither beside " + own.string() +
                           " nor in the folder of its libraries; " + "install it, or set WEFT_EXEC_LIBRARY");
}

unsigned number_of_workers(std::string_view text) {
  constexpr unsigned most = 256;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > most) {
    throw usage_error("exec: --workers: '" + std::string(text) + "' is not a number from 1 to " + std::to_string(most));
  }
  return number;
}

void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

void preload(const fs::path& library) {
  if (library.string().find_first_of(": ") != std::string::npos) {
    throw usage_error("exec: the path of the library to preload must have no colon and no blank in it: " +
                      library.string());
  }
  const char* before = std::getenv("LD_PRELOAD");
  set("LD_PRELOAD", before != nullptr && *before != '\0' ? library.string() + ':' + before : library.string());
}

}  // namespace

exec_command::exec_command(CLI::App& program)
    : command(program, "exec", "Run an ordinary program with its threads as fibers") {
  app()
      .add_option("--workers", workers_, "OS threads that run its threads; default: the CPUs it may use")
      ->type_name("N");
  app().add_option("--io", io_, "The I/O engine: auto, uring or epoll")->type_name("ENGINE");
  app()
      .add_option(
          "--audit", audit_,
          "Write to FILE (- is standard error) which system calls blocked a worker, and where they were made; slow")
      ->type_name("FILE");
  app().footer(examples);
}

void exec_command::take_foreign_part(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front() != app().get_name()) return;
  constexpr std::array with_value{std::string_view("--workers"), std::string_view("--io"), std::string_view("--audit")};
  std::size_t end = 1;
  while (end < arguments.size() && arguments[end].starts_with('-') && arguments[end] != "--") {
    const bool takes_value = std::find(with_value.begin(), with_value.end(), arguments[end]) != with_value.end();
    end += takes_value ? std::size_t{2} : std::size_t{1};
  }
  end = std::min(end, arguments.size());
  const std::size_t program = end < arguments.size() && arguments[end] == "--" ? end + 1 : end;
  program_.assign(arguments.begin() + static_cast<std::ptrdiff_t>(program), arguments.end());
  arguments.resize(end);
}

int exec_command::execute() {
  if (program_.empty()) throw usage_error("exec: no program given; for example: weft exec ./server");
  if (!workers_.empty()) set("WEFT_EXEC_WORKERS", std::to_string(number_of_workers(workers_)));
  if (!io_.empty()) {
    if (io_ != "auto" && io_ != "uring" && io_ != "epoll")
      throw usage_error("exec: --io is auto, uring or epoll, not '" + io_ + "'");
    set("WEFT_IO", io_);
  }
  if (!audit_.empty()) set("WEFT_EXEC_AUDIT", audit_ == "-" ? audit_ : fs::absolute(audit_).string());
  const fs::path program = find_executable(program_.front());
  check_threads_can_be_fibers(program);
  preload(find_library());
  std::vector<char*> words;
  for (std::string& word : program_) words.push_back(word.data());
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  throw std::system_error(errno, std::generic_category(), "exec: cannot run " + program.string());
}

}  // namespace weft::cli
