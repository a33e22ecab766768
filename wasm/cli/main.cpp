// The program `weft`. Each command has a file of its own; this one reads the words before them and answers for errors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <exception>
#include <memory>
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

template <class Command>
std::unique_ptr<command> make(CLI::App& program) {
  return std::make_unique<Command>(program);
}

struct command_maker {
  std::string_view name;
  std::unique_ptr<command> (*make)(CLI::App& program);
  bool describes_all = false;  // it prints the flags of every command
};

constexpr std::array<command_maker, 8> command_makers{{{"run", &make<run_command>},
                                                       {"exec", &make<exec_command>},
                                                       {"inspect", &make<inspect_command>},
                                                       {"compile", &make<compile_command>},
                                                       {"cache", &make<cache_command>},
                                                       {"doctor", &make<doctor_command>},
                                                       {"completion", &make<completion_command>, true},
                                                       {"manual", &make<manual_command>, true}}};

// That command alone where nobody asks for the others: to tell the parser all flags takes as long as a small guest.
std::vector<std::unique_ptr<command>> make_commands(CLI::App& program, std::string_view wanted) {
  const auto* const found =
      std::find_if(command_makers.begin(), command_makers.end(), [&](const auto& c) { return c.name == wanted; });
  const bool all = found == command_makers.end() || found->describes_all;
  std::vector<std::unique_ptr<command>> commands;
  for (const command_maker& c : command_makers) {
    if (all || c.name == wanted) commands.push_back(c.make(program));
  }
  return commands;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Runs WebAssembly guests on green threads over all cores.", "weft");
  program.set_version_flag("--version", "weft " WEFT_VERSION, "Print the version and exit");
  program.set_help_flag("-h,--help", "Print this and exit");
  program.footer(explanation);
  program.require_subcommand(1);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto commands = make_commands(program, arguments.empty() ? "" : arguments.front());
  try {
    check_command(program, arguments);
    for (const auto& c : commands) c->take_foreign_part(arguments);
    std::reverse(arguments.begin(), arguments.end());  // as the parser wants them
    program.parse(std::move(arguments));
    return (*std::find_if(commands.begin(), commands.end(), [](const auto& c) { return c->chosen(); }))->execute();
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
