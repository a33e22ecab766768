// A command of the program: its flags, and what it does.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace weft::cli {

class command {
 public:
  virtual ~command() = default;
  command(const command&) = delete;
  command& operator=(const command&) = delete;

  [[nodiscard]] bool chosen() const { return app_->parsed(); }

  // Takes what is none of our parser's business, a guest's or a program's own words, off the end of the arguments; to be called before
  // parsing. Does nothing if the arguments are another command's.
  virtual void take_foreign_part(std::vector<std::string>& /*arguments*/) {}

  // Does it and returns the program's exit code. Throws usage_error for flags that make no sense, and whatever keeps weft
  // itself from going on.
  virtual int execute() = 0;

 protected:
  command(CLI::App& program, const char* name, const char* purpose) : app_(program.add_subcommand(name, purpose)) {
    app_->set_help_flag("-h,--help", "Print this and exit");
  }

  [[nodiscard]] CLI::App& app() const noexcept { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace weft::cli
