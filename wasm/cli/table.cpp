#include <weft/wasm/cli/table.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace weft::cli {

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

bool wants_colour(int descriptor) noexcept {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(descriptor) == 1 && (refused == nullptr || *refused == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

bool table::is_heading(std::size_t row) const {
  return std::find(headings_.begin(), headings_.end(), row) != headings_.end();
}

std::vector<std::size_t> table::widths() const {
  std::vector<std::size_t> result(columns_.size());
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (is_heading(r)) continue;
    for (std::size_t c = 0; c < std::min(rows_[r].size(), result.size()); ++c) {
      result[c] = std::max(result[c], display_width(rows_[r][c]));
    }
  }
  return result;
}

std::string table::text(std::size_t indent, bool colour) const {
  const std::vector<std::size_t> width = widths();
  std::string out;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line(indent, ' ');
    if (is_heading(r)) {
      line += colour ? "\x1b[1m" + rows_[r][0] + "\x1b[0m" : rows_[r][0];
    } else {
      for (std::size_t c = 0; c < std::min(rows_[r].size(), width.size()); ++c) {
        const std::string& cell = rows_[r][c];
        const std::string padding(width[c] - display_width(cell), ' ');
        if (c > 0) line += "  ";
        if (columns_[c] == align::right) line += padding;
        line += colour && c == 0 ? "\x1b[2m" + cell + "\x1b[0m" : cell;
        if (columns_[c] == align::left) line += padding;
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace weft::cli
