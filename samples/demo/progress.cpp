#include "progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include <weft/scheduler/this_fiber.hpp>
#include <weft/wasm/cli/table.hpp>

namespace demo {
namespace {

constexpr std::size_t title_width = 46;

std::string padded(std::string text) {
  const std::size_t width = weft::cli::display_width(text);
  if (width < title_width) text.append(title_width - width, ' ');
  return text;
}

}  // namespace

progress::progress() : terminal_(isatty(STDOUT_FILENO) == 1), colour_(weft::cli::wants_colour(STDOUT_FILENO)) {}

progress::~progress() {
  if (terminal_ && under_way_) std::putchar('\n');
  std::fflush(stdout);
}

void progress::step(std::string title) {
  under_way_ = true;
  title_ = std::move(title);
  ++step_;
  if (terminal_) draw("");
}

void progress::show(const std::function<std::string()>& state) {
  while (true) {
    if (terminal_) draw(state());
    weft::sleep_for(std::chrono::milliseconds(100));
  }
}

void progress::done(std::string_view outcome) {
  under_way_ = false;
  if (terminal_) std::fputs("\r\x1b[K", stdout);
  std::printf("%s%u%s  %s  %.*s\n", colour_ ? "\x1b[2m" : "", step_, colour_ ? "\x1b[0m" : "", padded(title_).c_str(),
              static_cast<int>(outcome.size()), outcome.data());
  std::fflush(stdout);
}

void progress::draw(std::string_view state) const {
  std::printf("\r\x1b[K%s%u%s  %s  %.*s", colour_ ? "\x1b[2m" : "", step_, colour_ ? "\x1b[0m" : "",
              padded(title_).c_str(), static_cast<int>(state.size()), state.data());
  std::fflush(stdout);
}

std::string progress::bar(std::size_t part, std::size_t whole) {
  constexpr std::size_t width = 24;
  const std::size_t filled = whole == 0 ? width : part * width / whole;
  std::string text;
  for (std::size_t i = 0; i < width; ++i) text += i < filled ? "█" : "░";
  return text;
}

}  // namespace demo
