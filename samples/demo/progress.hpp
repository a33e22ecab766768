// What the demo says while it runs: one live line on a terminal, a line a step elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace demo {

class progress {
 public:
  // Prints on standard output.
  progress();
  // Leaves the live line, if one stands there, behind.
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  // Begins a step, ending the one before: "[2/4] 64 guests on 2 workers".
  void step(std::string title);

  // Redraws the live line ten times a second with what `state` says, until the calling fiber is cancelled. Does nothing but wait
  // where standard output is no terminal.
  [[noreturn]] void show(const std::function<std::string()>& state);

  // Ends the step: its title, and `outcome` behind it.
  void done(std::string_view outcome);

  [[nodiscard]] bool colour() const noexcept { return colour_; }

  // "######....", in proportion.
  [[nodiscard]] static std::string bar(std::size_t part, std::size_t whole);

 private:
  void draw(std::string_view state) const;

  bool terminal_;
  bool colour_;
  unsigned step_ = 0;
  bool under_way_ = false;  // between step() and done()
  std::string title_;
};

}  // namespace demo
