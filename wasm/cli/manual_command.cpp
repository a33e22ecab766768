#include <weft/wasm/cli/manual_command.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#include <weft/wasm/cli/flag_list.hpp>

namespace weft::cli {
namespace {

constexpr const char* explanation = R"(Examples:
  weft manual | man -l -
  weft manual > /usr/local/share/man/man1/weft.1)";

// Text for roff: a hyphen of a flag must not become a dash, and a line must not begin like a request.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string flag_text(const flag_description& flag) {
  std::string names;
  for (const std::string& name : flag.names) names += (names.empty() ? "" : ", ") + name;
  std::string text = ".TP\n\\fB" + escaped(names) + "\\fR";
  if (!flag.value.empty()) text += " \\fI" + escaped(flag.value) + "\\fR";
  return text + "\n" + escaped(flag.help) + ".\n";
}

std::string command_text(const command_description& c) {
  std::string text =
      ".SS weft " + escaped(c.name) + (c.positional.empty() ? "" : " " + c.positional) + "\n" + escaped(c.help) + ".\n";
  for (const flag_description& flag : c.flags) text += flag_text(flag);
  if (!c.examples.empty()) text += ".PP\n.nf\n" + escaped(c.examples) + "\n.fi\n";
  return text;
}

constexpr const char* environment = R"(.SH ENVIRONMENT
.TP
.B WEFT_CACHE_DIR
Where compiled modules are kept, in its folder modules; else $XDG_CACHE_HOME/weft, else ~/.cache/weft.
.TP
.B WEFT_IO
How guests' input and output is done: auto, uring or epoll.
.TP
.B WEFT_LOG
What is logged without \-\-log: trace, debug, info, warn, error or off.
.TP
.B NO_COLOR
No colour, also on a terminal.
)";

constexpr const char* exit_status = R"(.SH EXIT STATUS
That of the guest; 134 if it trapped or passed a limit, 124 after \-\-timeout, 130 after Ctrl\-C, 143 after SIGTERM, 2 if
flags, a file or a module cannot be used, 125 if weft itself could not go on.
)";

}  // namespace

manual_command::manual_command(CLI::App& program)
    : command(program, "manual", "Print the manual page, as man(1) reads it"), program_(program) {
  app().footer(explanation);
}

int manual_command::execute() {
  std::string page = ".TH WEFT 1 \"\" \"weft " WEFT_VERSION "\"\n.SH NAME\nweft \\- " +
                     escaped("runs WebAssembly guests on green threads over all cores") +
                     "\n.SH SYNOPSIS\n.B weft run\n[\\fIFLAGS\\fR] \\fIMODULE\\fR [\\fIARGUMENT\\fR...]\n.br\n.B weft\n"
                     "\\fICOMMAND\\fR [\\fIFLAGS\\fR]\n.SH COMMANDS\n";
  for (const command_description& c : describe(program_)) {
    if (!c.name.empty()) page += command_text(c);
  }
  std::fputs((page + exit_status + environment).c_str(), stdout);
  return 0;
}

}  // namespace weft::cli
