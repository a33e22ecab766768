#include "picture.hpp"

#include <png.h>

#include <algorithm>
#include <stdexcept>

#include "../guests/mandelbrot.h"
#include "digest.hpp"

namespace demo {

std::vector<tile> tiles_of(const picture_size& size) {
  std::vector<tile> tiles;
  for (int row = 0; row < tile_rows; ++row) {
    for (int column = 0; column < tile_columns; ++column) {
      const int x = size.width * column / tile_columns;
      const int y = size.height * row / tile_rows;
      tiles.push_back({x, y, size.width * (column + 1) / tile_columns - x, size.height * (row + 1) / tile_rows - y});
    }
  }
  return tiles;
}

picture::picture(picture_size size)
    : size_(size), bytes_(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3) {}

std::string picture::checksum() const { return sha256(bytes_.data(), bytes_.size()); }

void picture::put(const tile& t, const std::vector<std::uint8_t>& rgb) {
  const std::size_t row = static_cast<std::size_t>(t.width) * 3;
  if (rgb.size() != row * static_cast<std::size_t>(t.height)) throw std::runtime_error("a tile has the wrong size");
  for (int y = 0; y < t.height; ++y) {
    const std::size_t pixel =
        static_cast<std::size_t>(t.y + y) * static_cast<std::size_t>(size_.width) + static_cast<std::size_t>(t.x);
    std::copy_n(rgb.data() + static_cast<std::size_t>(y) * row, row, bytes_.data() + pixel * 3);
  }
}

void picture::write_png(const std::filesystem::path& path) const {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(size_.width);
  image.height = static_cast<png_uint_32>(size_.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, path.c_str(), 0, bytes_.data(), 0, nullptr) == 0) {
    throw std::runtime_error("cannot write " + path.string() + ": " + image.message +
                             "; name another file by --output");
  }
}

std::vector<std::uint8_t> render_natively(const picture_size& size, const tile& t) {
  const mandelbrot_picture view = mandelbrot_view(size.width, size.height, size.iterations);
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(t.width) * static_cast<std::size_t>(t.height) * 3);
  std::uint8_t* out = rgb.data();
  for (int y = 0; y < t.height; ++y) {
    for (int x = 0; x < t.width; ++x, out += 3) mandelbrot_pixel(&view, t.x + x, t.y + y, out);
  }
  return rgb;
}

}  // namespace demo
