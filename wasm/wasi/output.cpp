#include <weft/wasm/wasi/output.hpp>

#include <map>
#include <mutex>
#include <string_view>
#include <thread>

#include <weft/io/descriptor.hpp>
#include <weft/scheduler/this_fiber.hpp>
#include <weft/sync/mutex.hpp>

namespace weft::wasm::wasi {

namespace {

// A line longer than this is written in parts.
constexpr std::size_t longest_line = std::size_t{64} << 10;

// One mutex a descriptor, as long as somebody writes to it.
std::shared_ptr<mutex> turn_of(int fd) {
  static std::mutex guard;
  static std::map<int, std::weak_ptr<mutex>> turns;
  const std::lock_guard lock(guard);
  std::erase_if(turns, [](const auto& item) { return item.second.expired(); });
  if (std::shared_ptr<mutex> known = turns[fd].lock()) return known;
  auto fresh = std::make_shared<mutex>();
  turns[fd] = fresh;
  return fresh;
}

// As mutex::lock(), also on an ordinary thread, which has no fiber to park.
void lock(mutex& m) {
  if (in_fiber()) return m.lock();
  while (!m.try_lock()) std::this_thread::yield();
}

}  // namespace

line_writer::line_writer(int fd) : fd_(fd), turn_(turn_of(fd)) {}

void line_writer::put(std::size_t count, std::error_code& error) {
  if (count == 0) return;
  lock(*turn_);
  const std::unique_lock<mutex> turn(*turn_, std::adopt_lock);
  std::string_view rest = std::string_view(pending_).substr(0, count);
  while (!rest.empty() && !error) {
    rest.remove_prefix(io::write(fd_, std::as_bytes(std::span(rest)), error));
  }
  pending_.erase(0, count);
}

void line_writer::write(std::span<const iovec> buffers, std::error_code& error) {
  for (const iovec& buffer : buffers) pending_.append(static_cast<const char*>(buffer.iov_base), buffer.iov_len);
  const std::size_t newline = pending_.rfind('\n');
  if (newline != std::string::npos) put(newline + 1, error);
  if (pending_.size() > longest_line) put(pending_.size(), error);
}

void line_writer::flush(std::error_code& error) {
  if (!pending_.empty()) pending_ += '\n';
  put(pending_.size(), error);
}

}  // namespace weft::wasm::wasi
