// The commands and flags of the program as the parser knows them: what completion and manual are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace weft::cli {

struct flag_description {
  std::vector<std::string> names;  // "-o", "--output"
  std::string value;               // "FILE"; empty if it takes none
  std::string help;
};

struct command_description {
  std::string name;  // "cache prune"; empty for the program itself
  std::string help;
  std::string examples;
  std::vector<flag_description> flags;
  std::vector<std::string> parts;  // names of the commands below it
  std::string positional;          // "MODULE"; empty if there is none
};

// The program first, then its commands, each followed by those below it.
[[nodiscard]] std::vector<command_description> describe(const CLI::App& program);

}  // namespace weft::cli
