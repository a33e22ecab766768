#include <weft/io/detail/tree_walker.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/look_up.hpp>

namespace weft::io::detail {

namespace {

constexpr std::size_t most_open = 32;

[[gnu::noinline]] int open_directory(int at, const char* name, bool follow) noexcept {
  const int fd = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  return fd >= 0 ? fd : -errno;
}

std::string joined(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + '/' + name;
}

}  // namespace

int tree_walker::begin(const std::string& from, bool follow) {
  file_status status;
  if (const int result = look_up(AT_FDCWD, from.c_str(), follow, status); result != 0) return result;
  ready_ = walk_entry{.path = from, .type = status.type};
  if (options_.status) ready_->status = status;
  follow_root_ = follow;
  return 0;
}

// ---------------------------------------------------------------------------------------------------- what needs nothing of the system

bool tree_walker::advance() {
  for (;;) {
    if (ready_) return true;
    if (descend_) return false;
    if (levels_.empty()) return true;
    directory_stream& s = levels_.back().stream;
    if (s.has_entry()) {
      directory_stream::entry e = s.take();
      ready_is_link_ = e.is_link;
      ready_ = entry_of(std::move(e));
    } else if (s.is_read() && can_leave()) {
      leave();
    } else {
      return false;
    }
  }
}

walk_entry tree_walker::entry_of(directory_stream::entry&& e) const {
  const walk_entry& parent = levels_.back().self;
  walk_entry entry{.path = joined(parent.path, e.name), .type = e.type, .depth = parent.depth + 1};
  entry.status = e.status;
  if (e.error != 0) entry.error = code_of(e.error);
  return entry;
}

std::optional<walk_entry> tree_walker::take() {
  if (!ready_) return std::nullopt;
  last_ = ready_->path;
  name_at_ = ready_->depth == 0 ? 0 : last_.find_last_of('/') + 1;
  last_is_directory_ = ready_->is_directory();
  descend_ = last_is_directory_ && !ready_->leaving && !ready_->error;
  if (descend_) {
    to_descend_ = *ready_;
    descend_is_link_ = ready_is_link_;
  }
  return std::exchange(ready_, std::nullopt);
}

bool tree_walker::can_leave() const noexcept {
  return levels_.size() < 2 || levels_[levels_.size() - 2].stream.fd() >= 0;
}

void tree_walker::leave() {
  if (options_.leave) {
    ready_ = std::move(levels_.back().self);
    ready_->leaving = true;
  }
  levels_.pop_back();
}

// ---------------------------------------------------------------------------------------------------- what asks the system

void tree_walker::ask() {
  if (descend_) {
    descend_ = false;
    if (const int error = descend(); error != 0) {
      to_descend_.error = code_of(-error);
      ready_ = std::move(to_descend_);
    }
  } else if (!levels_.back().stream.is_read()) {
    read_batch();
  } else {
    return_to_parent();
  }
}

int tree_walker::current_directory() const noexcept { return levels_.empty() ? AT_FDCWD : levels_.back().stream.fd(); }

bool tree_walker::is_above(const file_status& directory) const noexcept {
  return std::any_of(levels_.begin(), levels_.end(),
                     [&](const level& l) { return l.device == directory.device && l.inode == directory.inode; });
}

int tree_walker::descend() {
  const bool follow = levels_.empty() ? follow_root_ : options_.follow_symlinks && descend_is_link_;
  const int opened = open_directory(current_directory(), last_name(), follow);
  if (opened < 0) return opened;
  unique_fd fd(opened);
  file_status status;
  if (const int error = look_up(fd.get(), "", true, status); error != 0) return error;
  if (is_above(status)) return -ELOOP;
  levels_.push_back({.stream = {std::move(fd), wanted()},
                     .self = std::move(to_descend_),
                     .device = status.device,
                     .inode = status.inode,
                     .through_link = follow});
  close_far_level();
  read_batch();
  return 0;
}

// ".." of what a link leads to is not where the link is.
void tree_walker::close_far_level() {
  if (levels_.size() <= most_open) return;
  const std::size_t far = levels_.size() - 1 - most_open;
  if (!levels_[far + 1].through_link) levels_[far].stream.read_rest_and_close();
}

void tree_walker::read_batch() {
  level& top = levels_.back();
  const int error = top.stream.read_batch();
  if (error == 0) return;
  ready_ = top.self;
  ready_->error = code_of(-error);
}

// Leaves a directory whose parent was closed. If that can no longer be found from below, because somebody has moved the one or the other, the rest of its
// entries is lost.
void tree_walker::return_to_parent() {
  level& parent = levels_[levels_.size() - 2];
  const int here = levels_.back().stream.fd();
  const int opened = here < 0 ? -ESTALE : open_directory(here, "..", false);
  int error = std::min(opened, 0);
  unique_fd fd(opened);
  file_status status;
  if (error == 0) error = look_up(fd.get(), "", true, status);
  if (error == 0 && (status.device != parent.device || status.inode != parent.inode)) error = -ESTALE;
  if (error == 0) {
    parent.stream.reopen(std::move(fd));
    return;
  }
  parent.stream.drop_entries();
  levels_.pop_back();
  ready_ = parent.self;
  ready_->error = code_of(-error);
}

[[gnu::noinline]] int tree_walker::remove_last() noexcept {
  return ::unlinkat(current_directory(), last_name(), last_is_directory_ ? AT_REMOVEDIR : 0) == 0 ? 0 : -errno;
}

}  // namespace weft::io::detail
