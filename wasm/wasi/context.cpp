#include <weft/wasm/wasi/context.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace weft::wasm::wasi {

namespace {

[[noreturn]] void cannot_give(const std::string& guest, const std::string& what, int error) {
  throw std::system_error(error, std::generic_category(), "cannot give guest '" + guest + "' " + what);
}

std::string stream_name(int number) {
  constexpr const char* names[] = {"its input", "its output", "its error output"};
  return names[number];
}

detail::unique_fd content_file(const std::string& content) noexcept {
  detail::unique_fd fd(::memfd_create("weft-guest-input", MFD_CLOEXEC));
  if (fd && !detail::write_whole(fd.get(), std::as_bytes(std::span(content)))) fd.reset();
  if (fd) ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

// /dev/null for all guests that are given nothing: opened once, never closed. -1, and errno set, if it cannot be had.
int null_device() noexcept {
  static std::atomic<int> shared{-1};
  if (const int known = shared.load(std::memory_order_relaxed); known >= 0) return known;
  detail::unique_fd opened(::open("/dev/null", O_RDWR | O_CLOEXEC));
  int nobody = -1;
  if (!opened || !shared.compare_exchange_strong(nobody, opened.get())) return nobody;
  return opened.release();
}

std::vector<std::string> environment_of(const guest_options& options) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : options.environment) entries.emplace_back(name).append("=").append(value);
  return entries;
}

std::vector<std::string> arguments_of(const guest_options& options, const std::string& name) {
  std::vector<std::string> all = {name};
  all.insert(all.end(), options.arguments.begin(), options.arguments.end());
  return all;
}

}  // namespace

void context::open() {
  arguments_ = arguments_of(options_, name_);
  environment_ = environment_of(options_);
  open_stream(options_.input, STDIN_FILENO);
  open_stream(options_.output, STDOUT_FILENO);
  open_stream(options_.error, STDERR_FILENO);
  for (const int fd : options_.sockets) give_socket(fd);
  for (const directory& d : options_.directories) open_directory(d);
  descriptors_.limit_to(options_.limits.descriptors);
}

void context::open_stream(const stdio& stream, int number) {
  descriptor d;
  switch (stream.kind()) {
    case stdio::source::null:
      d.fd = null_device();
      break;
    case stdio::source::text:
      d.owned = content_file(stream.content());
      break;
    case stdio::source::inherited:
      d.fd = number;
      break;
    case stdio::source::descriptor:
      d.fd = stream.fd();
      break;
    case stdio::source::capture:
      d.captured = stream.target();
      d.base = right::of_stream;
      break;
  }
  if (d.owned) d.fd = d.owned.get();
  if (d.captured == nullptr) {
    const int error = d.fd >= 0 ? classify(d) : errno;
    if (error != 0) cannot_give(name_, stream_name(number), error);
  }
  d.base &= number == STDIN_FILENO ? ~right::writing : ~right::fd_read;
  if (stream.by_line() && number != STDIN_FILENO) d.lines = std::make_unique<line_writer>(d.fd);
  descriptors_.insert(std::move(d));
}

void context::open_directory(const directory& given) {
  descriptor d;
  d.owned.reset(::open(given.host.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  d.fd = d.owned.get();
  const int error = d.owned ? classify(d) : errno;
  if (error != 0) cannot_give(name_, "the directory '" + given.host.string() + "'", error);
  d.read_only = given.rights == access::read;
  d.preopened = given.guest;
  descriptors_.insert(std::move(d));
}

void context::give_socket(int fd) {
  descriptor d;
  d.fd = fd;
  int error = classify(d);
  if (error == 0 && !d.is_socket()) error = ENOTSOCK;
  if (error != 0) cannot_give(name_, "the socket " + std::to_string(fd), error);
  descriptors_.insert(std::move(d));
}

outcome context::perform_wait() {
  if (host_call_) {
    const host_call call = *std::exchange(host_call_, std::nullopt);
    return call.make(*this, call);
  }
  const std::function<outcome()> action = std::exchange(action_, nullptr);
  try {
    return action();
  } catch (const failure& f) {
    return f.code;
  }
}

void context::flush() {
  descriptors_.for_each([](descriptor& d) {
    std::error_code ignored;  // the guest has gone on, or away
    if (d.lines) d.lines->flush(ignored);
  });
}

}  // namespace weft::wasm::wasi
