// A guest's memory, seen from outside: bytes numbered from 0, of which every access is checked against the size.
//
// No address of it is kept or given away, as the memory may move when the guest makes it larger: what is read is copied
// out, what is written copied in, and where that costs too much, with() lends the bytes for the length of a function,
// during which the guest cannot run. So nothing can dangle. An access costs a comparison and the copy.
//
// It belongs to an instance, or to a call of a host function, and like these is used by one fiber at a time. Outside of
// the memory: std::out_of_range, which names the range and the size. While the guest runs: std::logic_error. Nothing
// here parks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft::wasm {

class guest_memory {
 public:
  guest_memory(const guest_memory&) = delete;
  guest_memory& operator=(const guest_memory&) = delete;

  // Bytes it has now; 0 if the module exports no memory of the name "memory".
  [[nodiscard]] std::uint64_t size() const;

  // Copies out. `text` is what is there, whatever its encoding; `c_string` ends before the first null byte, of which there
  // must be one within `most` bytes (else std::out_of_range).
  void read(std::uint64_t at, std::span<std::byte> into) const;
  [[nodiscard]] std::vector<std::byte> bytes(std::uint64_t at, std::uint64_t length) const;
  [[nodiscard]] std::string text(std::uint64_t at, std::uint64_t length) const;
  [[nodiscard]] std::string c_string(std::uint64_t at, std::uint64_t most = 1 << 20) const;

  // Copies in.
  void write(std::uint64_t at, std::span<const std::byte> from);
  void write(std::uint64_t at, std::string_view text);

  // A value of the guest's, at any alignment. Layouts agree for numbers and structures of them (little-endian, a pointer
  // is a std::uint32_t).
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T load(std::uint64_t at) const {
    T value;
    std::memcpy(&value, range(at, sizeof(T)), sizeof(T));
    return value;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void store(std::uint64_t at, const T& value) {
    std::memcpy(range(at, sizeof(T)), &value, sizeof(T));
  }

  // f(std::span<std::byte>) on the bytes themselves; returns what f does. A call of the guest within f throws
  // std::logic_error.
  template <class F>
  decltype(auto) with(std::uint64_t at, std::uint64_t length, F&& f) {
    const std::span<std::byte> lent(range(at, length), static_cast<std::size_t>(length));
    const loan keep(lent_);
    return std::invoke(std::forward<F>(f), lent);
  }

 protected:
  guest_memory() = default;
  guest_memory(std::uint8_t* base, std::size_t size) noexcept : base_(base), size_(size), accessible_(true) {}
  ~guest_memory() = default;

  // The guest runs, or it has stopped and its memory lies there.
  void detach() noexcept { accessible_ = false; }
  void attach(std::uint8_t* base, std::size_t size) noexcept {
    base_ = base;
    size_ = size;
    accessible_ = true;
  }
  [[nodiscard]] bool is_lent() const noexcept { return lent_ != 0; }

 private:
  struct loan {
    explicit loan(unsigned& count) noexcept : count_(count) { ++count_; }
    ~loan() { --count_; }
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    unsigned& count_;
  };

  [[nodiscard]] std::byte* range(std::uint64_t at, std::uint64_t length) const {
    if (!accessible_ || at > size_ || length > size_ - at) [[unlikely]]
      refuse(at, length);
    return reinterpret_cast<std::byte*>(base_) + at;
  }
  [[noreturn]] void refuse(std::uint64_t at, std::uint64_t length) const;

  std::uint8_t* base_ = nullptr;
  std::size_t size_ = 0;
  bool accessible_ = false;
  unsigned lent_ = 0;
};

}  // namespace weft::wasm
