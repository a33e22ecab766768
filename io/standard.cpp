#include <weft/io/standard.hpp>

#include <string>

#include <weft/io/descriptor.hpp>

namespace weft::io {

namespace {

std::string name_of(int fd) {
  switch (fd) {
    case 0:
      return "standard input";
    case 1:
      return "standard output";
    case 2:
      return "standard error";
    default:
      return "descriptor " + std::to_string(fd);
  }
}

void check(const std::error_code& error, const char* action, int fd) {
  if (error) throw std::system_error(error, std::string("weft::io: cannot ") + action + " " + name_of(fd));
}

}  // namespace

std::size_t standard_input_stream::read_some(std::span<std::byte> buffer, std::error_code& error) {
  return io::read(fd_, buffer, error);
}

std::size_t standard_input_stream::read_some(std::span<std::byte> buffer) {
  std::error_code error;
  const std::size_t n = read_some(buffer, error);
  check(error, "read from", fd_);
  return n;
}

std::size_t standard_output_stream::write_some(std::span<const std::byte> data, std::error_code& error) {
  return io::write(fd_, data, error);
}

std::size_t standard_output_stream::write_some(std::span<const std::byte> data) {
  std::error_code error;
  const std::size_t n = write_some(data, error);
  check(error, "write to", fd_);
  return n;
}

void standard_output_stream::write_all(std::span<const std::byte> data) {
  while (!data.empty()) data = data.subspan(write_some(data));
}

}  // namespace weft::io
