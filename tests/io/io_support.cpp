#include "io_support.hpp"

#include <cstdlib>
#include <iterator>

#include <weft/io/epoll/epoll_engine.hpp>
#include <weft/io/uring/uring_engine.hpp>

namespace weft::io::test {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::string_view engine_under_test() {
  const char* asked = std::getenv("WEFT_IO");
  return asked != nullptr && std::string_view(asked) == "epoll" ? "epoll" : "io_uring";
}

std::unique_ptr<detail::engine> make_engine_under_test() {
  if (engine_under_test() == "epoll") return std::make_unique<epoll::epoll_engine>(0);
  return std::make_unique<uring::uring_engine>(0);
}

std::vector<std::byte> make_pattern(std::uint64_t stream, std::uint64_t place, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern(stream, place + i);
  return bytes;
}

std::size_t matching(std::span<const std::byte> bytes, std::uint64_t stream, std::uint64_t place) {
  std::size_t n = 0;
  while (n < bytes.size() && bytes[n] == pattern(stream, place + n)) ++n;
  return n;
}

temporary_folder::temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-io-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  path_ = name;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

connection connect_pair() {
  tcp_listener listener{"127.0.0.1:0"};
  connection c;
  c.client = tcp_stream::connect(listener.local_address());
  c.server = listener.accept();
  return c;
}

}  // namespace weft::io::test
