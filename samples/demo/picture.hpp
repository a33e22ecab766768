// The picture that the compute guests draw together, tile by tile, and that native code draws again to check them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

struct picture_size {
  int width;
  int height;
  int iterations;
  // SHA-256 of the picture's RGB bytes, recorded when the view was chosen: guest and native code being wrong alike would
  // not pass unnoticed.
  std::string_view recorded_checksum;
};

inline constexpr picture_size full_picture{1600, 1200, 4000,
                                           "e29c2734008d6229293a8459cb2f6f176d0cc34463bd3e55cc023566fb3f3dd6"};
inline constexpr picture_size quick_picture{480, 360, 1000,
                                            "4e1f6a783518a3c574c199d8a571494e26892165ec96f81e48336f594baf01ae"};

// One guest's part of the picture, in pixels.
struct tile {
  int x, y, width, height;
};

inline constexpr int tile_columns = 8;
inline constexpr int tile_rows = 4;
inline constexpr std::size_t tile_count = std::size_t{tile_columns} * tile_rows;

[[nodiscard]] std::vector<tile> tiles_of(const picture_size& size);

// Rows of RGB bytes.
class picture {
 public:
  explicit picture(picture_size size);

  [[nodiscard]] const picture_size& size() const noexcept { return size_; }
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string checksum() const;

  // Puts the rows of a tile in their place. Throws std::runtime_error if it is not exactly that many bytes. Tiles that do
  // not overlap may be put by several threads at once.
  void put(const tile& t, const std::vector<std::uint8_t>& rgb);

  // Throws std::runtime_error.
  void write_png(const std::filesystem::path& path) const;

 private:
  picture_size size_;
  std::vector<std::uint8_t> bytes_;
};

// The same tile as the guest draws, drawn by this program.
[[nodiscard]] std::vector<std::uint8_t> render_natively(const picture_size& size, const tile& t);

}  // namespace demo
