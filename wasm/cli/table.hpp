// Columns of text that line up: what the reports of the command line are printed with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

class table {
 public:
  enum class align : bool { left, right };

  // One alignment a column.
  explicit table(std::vector<align> columns) : columns_(std::move(columns)) {}

  // Adds a row; cells that are missing are empty. Cells are plain text in UTF-8, without colour.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // A blank line.
  void gap() { rows_.emplace_back(); }

  // A line of its own above the rows that follow; does not widen any column.
  void heading(std::string text) { rows_.push_back({std::move(text)}), headings_.push_back(rows_.size() - 1); }

  // The rows, each ending in a newline, behind `indent` spaces. With `colour`, headings are bold and the first column
  // is dim, by ANSI sequences.
  [[nodiscard]] std::string text(std::size_t indent = 0, bool colour = false) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;
  [[nodiscard]] bool is_heading(std::size_t row) const;

  std::vector<align> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> headings_;
};

// Columns that a text takes on a terminal; UTF-8 sequences count as one.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

// True if the descriptor is a terminal that understands colours and the user has not said otherwise (NO_COLOR, TERM=dumb).
[[nodiscard]] bool wants_colour(int descriptor) noexcept;

}  // namespace weft::cli
