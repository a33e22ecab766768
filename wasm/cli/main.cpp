// The program `weft`. Each command has a file of its own; this one reads the words before them and answers for errors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/wasm/cli/cache_command.hpp>
#include <weft/wasm/cli/compile_command.hpp>
#include <weft/wasm/cli/completion_command.hpp>
#include <weft/wasm/cli/doctor_command.hpp>
#include <weft/wasm/cli/exec_command.hpp>
#include <weft/wasm/cli/exit_code.hpp>
#include <weft/wasm/cli/inspect_command.hpp>
#include <weft/wasm/cli/manual_command.hpp>
#include <weft/wasm/cli/run_command.hpp>
#include <weft/wasm/cli/usage_error.hpp>
#include <weft/wasm/error.hpp>

namespace {

using namespace weft::cli;

constexpr const char* explanation = R"(Examples:
  weft run hello.wasm
  weft run --dir . --copies 8 --stats app.wasm input.txt
  weft exec ./server --port 8080
  weft run --help
  weft inspect app.wasm
  weft compile app.wasm -o app.cwasm
  weft doctor)";

// One line, whatever was wrong.
int complain(std::string_view message, int code) {
  constexpr std::string_view prefix = "weft: ";  // the library's messages have it too
  if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  std::string line(message);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "weft: %s\n", line.c_str());
  return code;
}

// Help and version go to standard output as they are; errors of the parser become a line like all others.
int answer(const CLI::App& program, const CLI::ParseError& e) {
  if (e.get_exit_code() == 0) return program.exit(e);
  std::string message = e.what();
  // "The following..." becomes a part of the line; "MODULE is required" is a name already.
  const auto is_upper = [&](std::size_t at) { return std::isupper(static_cast<unsigned char>(message[at])) != 0; };
  if (message.size() > 1 && !is_upper(1)) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  }
  return complain(message + "; see weft --help", exit_code::usage);
}

// The parser would only miss a command and not say which word it does not know.
void check_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw usage_error("no command given; weft --help lists them");
  const std::string& word = arguments.front();
  const auto commands = program.get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
  if (word.starts_with('-')) {
    const std::string flag = word.substr(0, word.find('='));
    if (program.get_option_no_throw(flag) == nullptr)
      throw usage_error("there is no flag " + flag + " before a command; see weft --help");
  } else if (commands.empty()) {
    throw usage_error("there is no command '" + word + "'; weft --help lists them");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Runs WebAssembly guests on green threads over all cores.", "weft");
  program.set_version_flag("--version", "weft " WEFT_VERSION, "Print the version and exit");
  program.set_help_flag("-h,--help", "Print this and exit");
  program.footer(explanation);
  program.require_subcommand(1);
  run_command run(program);
  exec_command exec(program);
  inspect_command inspect(program);
  compile_command compile(program);
  cache_command cache(program);
  doctor_command doctor(program);
  completion_command completion(program);
  manual_command manual(program);
  const std::array<command*, 8> commands{&run, &exec, &inspect, &compile, &cache, &doctor, &completion, &manual};

  std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    check_command(program, arguments);
    run.take_guest_part(arguments);
    exec.take_program_part(arguments);
    std::reverse(arguments.begin(), arguments.end());  // as the parser wants them
    program.parse(std::move(arguments));
    return (*std::find_if(commands.begin(), commands.end(), [](const command* c) { return c->chosen(); }))->execute();
  } catch (const CLI::ParseError& e) {
    return answer(program, e);
  } catch (const usage_error& e) {
    return complain(e.what(), exit_code::usage);
  } catch (const weft::wasm::module_error& e) {
    return complain(e.what(), exit_code::usage);
  } catch (const std::exception& e) {
    return complain(e.what(), exit_code::host_failed);
  }
}
