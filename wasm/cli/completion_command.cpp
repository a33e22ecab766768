#include <weft/wasm/cli/completion_command.hpp>

#include <algorithm>
#include <cstdio>

#include <weft/wasm/cli/flag_list.hpp>
#include <weft/wasm/cli/usage_error.hpp>

namespace weft::cli {
namespace {

constexpr const char* explanation = R"(Examples:
  weft completion bash > ~/.local/share/bash-completion/completions/weft
  weft completion zsh > ~/.zfunc/_weft
  weft completion fish > ~/.config/fish/completions/weft.fish)";

// All that may stand where a word is begun: flags, and commands below.
std::string words_of(const command_description& c) {
  std::string words;
  for (const std::string& part : c.parts) words += part + " ";
  for (const flag_description& flag : c.flags) {
    for (const std::string& name : flag.names) words += name + " ";
  }
  if (!words.empty()) words.pop_back();
  return words;
}

// Flags whose value is no file.
std::string without_files(const command_description& c) {
  std::string names;
  for (const flag_description& flag : c.flags) {
    if (flag.value.empty() || flag.value.find("FILE") != std::string::npos || flag.value.starts_with("HOST")) continue;
    for (const std::string& name : flag.names) names += (names.empty() ? "" : "|") + name;
  }
  return names;
}

// The command is what the words before say; whatever follows a module is the guest's, and completed as files.
std::string bash_script(const std::vector<command_description>& commands) {
  std::string cases;
  for (const command_description& c : commands) {
    cases += "    '" + c.name + "') words='" + words_of(c) + "' no_files='" + without_files(c) + "' ;;\n";
  }
  return R"(_weft() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= words= no_files= i
  for ((i = 1; i < COMP_CWORD && i < 3; ++i)); do
    [[ ${COMP_WORDS[i]} == -* ]] && break
    [[ $i == 2 && $command != cache ]] && break
    command="${command:+$command }${COMP_WORDS[i]}"
  done
  case $command in
)" + cases +
         R"(  esac
  COMPREPLY=()
  if [[ -n $no_files && $previous =~ ^($no_files)$ ]]; then
    return
  fi
  if [[ $current == -* || -z $command || $command == cache ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _weft weft
)";
}

std::string zsh_script(const std::vector<command_description>& commands) {
  return "#compdef weft\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string fish_flag(const std::string& condition, const flag_description& flag) {
  std::string line = "complete -c weft -n " + condition;
  for (const std::string& name : flag.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (!flag.value.empty()) line += " -r";
  return line + " -d " + quoted(flag.help) + "\n";
}

std::string fish_condition(const std::string& command) {
  if (command.empty()) return "__fish_use_subcommand";
  std::string condition = "'__fish_seen_subcommand_from " + command;
  const std::size_t space = condition.rfind(' ');
  // "cache prune": the last word is enough, for no other command has such a part.
  return command.find(' ') == std::string::npos ? condition + "'"
                                                : "'__fish_seen_subcommand_from" + condition.substr(space) + "'";
}

std::string fish_script(const std::vector<command_description>& commands) {
  std::string script;
  for (const command_description& c : commands) {
    const std::string condition = fish_condition(c.name);
    for (const std::string& part : c.parts) {
      const std::string full = c.name.empty() ? part : c.name + " " + part;
      const auto found = std::find_if(commands.begin(), commands.end(), [&](const auto& d) { return d.name == full; });
      script.append("complete -c weft -n ").append(condition).append(" -a ").append(part);
      script.append(" -d ").append(quoted(found->help)).append("\n");
    }
    for (const flag_description& flag : c.flags) script += fish_flag(condition, flag);
  }
  return script;
}

}  // namespace

completion_command::completion_command(CLI::App& program)
    : command(program, "completion", "Print a script that completes weft's commands and flags"), program_(program) {
  app().footer(explanation);
  app().add_option("SHELL", shell_, "bash, zsh or fish")->required();
}

int completion_command::execute() {
  const std::vector<command_description> commands = describe(program_);
  std::string script;
  if (shell_ == "bash") {
    script = bash_script(commands);
  } else if (shell_ == "zsh") {
    script = zsh_script(commands);
  } else if (shell_ == "fish") {
    script = fish_script(commands);
  } else {
    throw usage_error("completion: '" + shell_ + "' is not a shell known here: use bash, zsh or fish");
  }
  std::fputs(script.c_str(), stdout);
  return 0;
}

}  // namespace weft::cli
