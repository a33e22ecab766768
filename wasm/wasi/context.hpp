// What the host knows of one running guest: what it was given, its descriptors, and what it waits for.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weft/wasm/detail/limit.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/wasi/descriptors.hpp>
#include <weft/wasm/wasi/memory.hpp>

namespace weft::wasm::wasi {

// How a host function ends.
class outcome {
 public:
  enum class kind : std::uint8_t {
    done,   // with a result
    waits,  // when the fiber has done what context::wait_for() was given
    exits,  // and the guest with it
    fails,  // and the guest with it, by what context::fail() was given
  };

  outcome(errc code) noexcept : kind_(kind::done), bits_(static_cast<std::uint32_t>(code)) {}
  // With the bits of a number of any type.
  [[nodiscard]] static outcome of(std::uint64_t bits) noexcept { return {kind::done, bits}; }
  [[nodiscard]] static outcome exit(std::uint32_t code) noexcept { return {kind::exits, code}; }
  [[nodiscard]] static outcome waiting() noexcept { return {kind::waits, 0}; }
  [[nodiscard]] static outcome failed() noexcept { return {kind::fails, 0}; }

  [[nodiscard]] kind what() const noexcept { return kind_; }
  [[nodiscard]] std::uint64_t bits() const noexcept { return bits_; }

 private:
  outcome(kind what, std::uint64_t bits) noexcept : kind_(what), bits_(bits) {}

  kind kind_;
  std::uint64_t bits_;
};

}  // namespace weft::wasm::wasi

namespace weft::wasm::exchange {
class state;
}

namespace weft::wasm::wasi {

class context {
 public:
  // The options and the name must outlive it.
  context(const guest_options& options, const std::string& name) : options_(options), name_(name) {}
  context(const guest_options& options, std::string&& name) = delete;

  // Opens what the guest is given. Throws std::system_error naming what cannot be had.
  void open();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // What the module "weft" keeps for the guest; there while the guest is.
  [[nodiscard]] exchange::state& talk() const noexcept { return *talk_; }
  void talk_by(exchange::state& s) noexcept { talk_ = &s; }
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  [[nodiscard]] const std::vector<std::string>& environment() const noexcept { return environment_; }
  [[nodiscard]] const guest_options& options() const noexcept { return options_; }
  [[nodiscard]] descriptor_table& descriptors() noexcept { return descriptors_; }

  // Before bytes are written: throws detail::limit_passed if the guest may not write as many.
  void check_output(std::uint64_t bytes) const {
    const std::uint64_t limit = options_.limits.output;
    if (limit != 0 && bytes > limit - bytes_written_ - bytes_allocated_) {
      throw detail::limit_passed{trap_code::output_limit};
    }
  }
  // Room on a disk that is reserved counts against the same limit, whether it is had in the end or not.
  void charge_allocation(std::uint64_t bytes) {
    check_output(bytes);
    if (options_.limits.output != 0) bytes_allocated_ += bytes;
  }
  void count_written(std::uint64_t bytes) noexcept { bytes_written_ += bytes; }
  void count_read(std::uint64_t bytes) noexcept { bytes_read_ += bytes; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }

  // Has the fiber run `action` once the guest is stopped; its result becomes the host function's.
  void wait_for(std::function<outcome()> action) { action_ = std::move(action); }
  // The same for a call of an embedder's function, whose slots stay where they are while the guest is stopped.
  struct host_call {
    const detail::host_function* target;
    std::uint8_t* memory;
    std::size_t size;
    detail::weft_value* slots;
    outcome (*make)(context& guest, const host_call& call);
  };
  void wait_for(const host_call& call) noexcept { host_call_ = call; }
  // Runs what was given: on the fiber, where it may park. What it throws other than `failure` ends the guest.
  outcome perform_wait();

  // Keeps an exception that a host function must not throw through the guest; the guest ends, then it is thrown on.
  void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }
  [[nodiscard]] std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

  // Writes what whole-line streams still hold back. Parks, and is a cancellation point.
  void flush();

 private:
  void open_stream(const stdio& stream, int number);
  void open_directory(const directory& d);
  void give_socket(int fd);

  const guest_options& options_;
  const std::string& name_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  descriptor_table descriptors_;
  std::function<outcome()> action_;
  std::optional<host_call> host_call_;
  std::exception_ptr error_;
  exchange::state* talk_ = nullptr;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t bytes_allocated_ = 0;  // only where there is a limit
};

// One call of a host function.
struct call {
  context& guest;
  guest_memory memory;

  // Ends the host function with a wait: `action` is run by the fiber, may park and may use the memory, and returns an
  // outcome.
  template <class F>
  outcome wait(F&& action) {
    guest.wait_for(std::forward<F>(action));
    return outcome::waiting();
  }
};

}  // namespace weft::wasm::wasi
