#include <weft/io/directory.hpp>

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include <weft/io/detail/directory_stream.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/tree_walker.hpp>
#include <weft/scheduler/blocking.hpp>

namespace weft::io {

namespace {

void check(int result, const char* action, const std::filesystem::path& path) {
  if (result < 0) detail::fail(-result, action + detail::quoted(path));
}

}  // namespace

directory::directory(const std::filesystem::path& path) : path_(path) {
  const int error = blocking([&] {
    detail::unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return -errno;
    stream_ = std::make_unique<detail::directory_stream>(std::move(fd), detail::directory_stream::what{});
    return stream_->read_batch();
  });
  check(error, "read directory ", path_);
}

directory::~directory() = default;
directory::directory(directory&&) noexcept = default;
directory& directory::operator=(directory&&) noexcept = default;

std::optional<directory_entry> directory::next() {
  if (!stream_->has_entry() && !stream_->is_read()) {
    check(blocking([&] { return stream_->read_batch(); }), "read directory ", path_);
  }
  if (!stream_->has_entry()) return std::nullopt;
  detail::directory_stream::entry e = stream_->take();
  return directory_entry{.name = std::move(e.name), .type = e.type};
}

tree_walk::tree_walk(const std::filesystem::path& from, walk_options o)
    : walker_(std::make_unique<detail::tree_walker>(o)) {
  check(blocking([&] { return walker_->begin(from.string(), true); }), "walk ", from);
}

tree_walk::~tree_walk() = default;
tree_walk::tree_walk(tree_walk&&) noexcept = default;
tree_walk& tree_walk::operator=(tree_walk&&) noexcept = default;

std::optional<walk_entry> tree_walk::next() {
  while (!walker_->advance()) blocking([&] { walker_->ask(); });
  return walker_->take();
}

void tree_walk::skip() noexcept { walker_->skip(); }

}  // namespace weft::io
