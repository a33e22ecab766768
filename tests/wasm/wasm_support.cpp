#include "wasm_support.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <wasm.h>
#include <wasmtime/error.h>
#include <wasmtime/wat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>

namespace weft::wasm::test {

scratch_folder::scratch_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  path_ = name;
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::byte> read_bytes(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

engine& shared_engine() {
  static const scratch_folder cache;
  static engine e{{.cache_directory = cache / "modules"}};
  return e;
}

std::filesystem::path guest_file(std::string_view name) {
  return std::filesystem::path(WEFT_TEST_GUESTS) / (std::string(name) + ".wasm");
}

wasm::module load(std::string_view name) {
  static std::mutex guard;
  static std::map<std::string, module, std::less<>> loaded;
  {
    const std::lock_guard lock(guard);
    if (const auto known = loaded.find(name); known != loaded.end()) return known->second;
  }
  wasm::module m = shared_engine().load(guest_file(name));
  const std::lock_guard lock(guard);
  loaded.emplace(name, m);
  return m;
}

std::vector<std::byte> assemble(std::string_view text) {
  wasm_byte_vec_t binary;
  if (wasmtime_error_t* error = wasmtime_wat2wasm(text.data(), text.size(), &binary)) {
    wasm_name_t message;
    wasmtime_error_message(error, &message);
    wasmtime_error_delete(error);
    throw std::invalid_argument(std::string(message.data, message.size));
  }
  const auto bytes = std::as_bytes(std::span(binary.data, binary.size));
  std::vector<std::byte> result(bytes.begin(), bytes.end());
  wasm_byte_vec_delete(&binary);
  return result;
}

wasm::module assemble_module(std::string_view text, std::string_view name) {
  return shared_engine().compile(assemble(text), name);
}

result run_guest(const module& m, guest_options options) {
  result r;
  options.output = stdio::capture(r.output);
  options.error = stdio::capture(r.error);
  r.exit_code = guest(m, std::move(options)).run();
  return r;
}

result run_tool(std::vector<std::string> arguments, guest_options options) {
  options.arguments = std::move(arguments);
  return run_guest(load("tool"), std::move(options));
}

result run_tool_in(const std::filesystem::path& folder, std::vector<std::string> arguments, access rights) {
  return run_tool(std::move(arguments), {.directories = {{folder, "/data", rights}}});
}

std::optional<trap> trap_of(const module& m, guest_options options) {
  try {
    const result r = run_guest(m, std::move(options));
    ADD_FAILURE() << "ended with " << r.exit_code << " instead of a trap: " << r.output;
  } catch (const trap& t) {
    return t;
  }
  return std::nullopt;
}

raw_pipe::raw_pipe() {
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
}

raw_pipe::~raw_pipe() {
  close_writer();
  ::close(ends[0]);
}

void raw_pipe::close_writer() {
  if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
}

std::string read_until(int fd, std::string_view text) {
  std::string all;
  std::array<std::byte, 256> buffer{};
  while (all.find(text) == std::string::npos) {
    const std::size_t n = io::read(fd, std::span(buffer).first(1));
    if (n == 0) break;
    all += static_cast<char>(buffer[0]);
  }
  return all;
}

std::string read_to_end(int fd) {
  std::string all;
  std::array<std::byte, 4096> buffer{};
  while (const std::size_t n = io::read(fd, buffer)) all.append(reinterpret_cast<const char*>(buffer.data()), n);
  return all;
}

void write_text(int fd, std::string_view text) { io::write_all(fd, std::as_bytes(std::span(text))); }

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

}  // namespace weft::wasm::test
