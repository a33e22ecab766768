// What a guest is given. Whatever is not named here it does not get: no files, no environment, no input.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/wasm/host_functions.hpp>
#include <weft/wasm/message.hpp>
#include <weft/wasm/module.hpp>

namespace weft::wasm {

enum class access { read, read_write };

// A directory that the guest may use, with everything beneath it. Paths of the guest cannot lead out of it, neither by
// "..", nor by absolute paths, nor through symbolic links.
struct directory {
  std::filesystem::path host;
  std::string guest;  // the name under which the guest finds it, such as "/data" or "."
  access rights = access::read_write;
};

// One of a guest's standard streams.
class stdio {
 public:
  // Nothing: the end at once, or output thrown away.
  [[nodiscard]] static stdio null();
  // The process's own stream of that number.
  [[nodiscard]] static stdio inherit();
  // As inherit(), line by line: only whole lines are written, so that guests who share a stream do not mix within a
  // line. What is left without a newline when the guest ends is written then, with one.
  [[nodiscard]] static stdio inherit_lines();
  // A descriptor, which must stay open as long as the guest runs.
  [[nodiscard]] static stdio descriptor(int fd);
  [[nodiscard]] static stdio descriptor_lines(int fd);
  // Output is appended to the string, which only the guest touches while it runs.
  [[nodiscard]] static stdio capture(std::string& into);
  // Input from memory.
  [[nodiscard]] static stdio text(std::string_view content);

  enum class source { null, inherited, descriptor, capture, text };
  [[nodiscard]] source kind() const noexcept { return kind_; }
  [[nodiscard]] bool by_line() const noexcept { return by_line_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] std::string* target() const noexcept { return target_; }
  [[nodiscard]] const std::string& content() const noexcept { return content_; }

 private:
  explicit stdio(source kind) noexcept : kind_(kind) {}

  source kind_;
  bool by_line_ = false;
  int fd_ = -1;
  std::string* target_ = nullptr;
  std::string content_;
};

// What a guest may take; one that passes a limit ends with a trap that names it. How deep it may recurse is the engine's
// to say (engine_options::stack_size).
struct guest_limits {
  // Bytes of all memories and tables of the guest together; 0: the engine's default_memory_limit.
  std::uint64_t memory = 0;
  // Elements of all its tables together; 0: as many as its memory allows.
  std::uint64_t table_elements = 0;
  // Descriptors open at once, those that it was given included; 0: 65,536, and there it gets an error instead of ending.
  unsigned descriptors = 0;
  // Bytes that it writes, to its streams, files and sockets together, and has reserved in files (fd_allocate); 0: no limit. A
  // write that would pass it is not done.
  std::uint64_t output = 0;
  // Time on a CPU, host functions included; 0: no limit. What it waits for does not count. Looked at when a time slice
  // ends and when it waits, so it may be exceeded by two slices, 2 ms.
  std::chrono::nanoseconds cpu_time{};
  // Time in its calls, waits and the making of the instance included; what passes between two calls of an instance does not count.
  // 0: no limit. Outside of weft's fibers it does not cut waits short.
  std::chrono::nanoseconds wall_time{};
};

struct child_program;

// The programs that a guest may start; a list that is shared, not copied.
class child_programs {
 public:
  child_programs() = default;
  child_programs(std::initializer_list<child_program> programs);
  explicit child_programs(std::vector<child_program> programs);

  [[nodiscard]] bool empty() const noexcept { return list_ == nullptr; }
  [[nodiscard]] const child_program* begin() const noexcept;
  [[nodiscard]] const child_program* end() const noexcept;

 private:
  std::shared_ptr<const std::vector<child_program>> list_;
};

struct guest_options {
  std::vector<std::string> arguments = {};  // without the program's name
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::vector<directory> directories = {};
  stdio input = stdio::null();
  stdio output = stdio::inherit();
  stdio error = stdio::inherit();
  guest_limits limits = {};
  std::string name = {};  // what the guest sees as the program's name; empty: the module's
  // Descriptors of sockets that the guest finds from number 3 on, before its directories. They must stay open while it
  // runs.
  std::vector<int> sockets = {};
  // Modules of the same engine that the guest's module imports from, by the name it gives them, each with what it imports
  // itself before it. They are part of the guest: instantiated with it, under its limits, and `functions` are theirs as well;
  // where a module and a function have the same name, the module's is taken. The exports of a module that is a program (it has
  // _start) get a fresh instance a call.
  std::vector<std::pair<std::string, module>> preloads = {};
  // Fills in guest_statistics::cpu_time; a limit of CPU time does so as well. Costs some 100 ns each time the guest stops
  // or goes on.
  bool measure_cpu_time = false;
  // Where a guest that traps leaves what it looked like: its stack, globals and memory, in the core dump format of
  // WebAssembly's tool conventions. Empty: nowhere.
  std::filesystem::path core_dump = {};
  // Where a profile of its functions goes, one sample a time slice, in the processed format of Firefox's profiler
  // (profiler.firefox.com). Empty: nowhere.
  std::filesystem::path profile = {};
  // Functions of the embedder's that it may call.
  host_functions functions = {};
  // Ends of channels that it may use by the module "weft", numbered from 0 in this order.
  std::vector<granted_channel> channels = {};
  // Programs that it may start as its children.
  child_programs children = {};
  // Bytes of messages it has sent, or may have sent by its children's channels, that nobody has received yet; a send that
  // would pass it fails.
  std::uint64_t unreceived_bytes = std::uint64_t{64} << 20;
};

// What a guest may start: a program with what that is given. A child belongs to the call that has started it: when the call
// ends, its children are cancelled and waited for, and a child that fails cancels its parent; the parent's call then
// throws group_error. Its memory is its own, with the limit of its own options: a guest and its children together have at
// most the sum over all `most`.
struct child_program {
  std::string name;
  module program;
  // Its arguments and the first of its channels are the parent's to choose. Output that several write at once belongs
  // into a stream by lines.
  guest_options options = {};
  unsigned most = 16;  // of it at one time
};

}  // namespace weft::wasm
