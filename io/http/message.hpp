// What HTTP messages consist of, for server and client alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weft::io::http {

// A request that cannot be served, by the status that says so (400 to 599). Thrown by a request's body where its sender breaks the rules; a
// handler may throw its own: `throw error(404, "no such picture")`. The text is the answer's body.
class error : public std::runtime_error {
 public:
  error(int status, const std::string& text) : std::runtime_error(text), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

// "Not Found" for 404; "Unknown" where there is no such status.
[[nodiscard]] std::string_view reason(int status) noexcept;

// ASCII letters alike in upper and lower case.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

namespace detail {
struct unchecked_fields;
}

// The fields of a header, in order; a name may be there several times. Names are compared ignoring case. A value type.
class fields {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  fields() = default;
  fields(std::initializer_list<field> list);

  // Adds one at the end. Throws std::invalid_argument for a name that is no token, or a value with a control character: neither can smuggle in
  // a line of its own.
  void add(std::string_view name, std::string_view value);
  // The same in place of all of that name.
  void set(std::string_view name, std::string_view value);
  // Removes all of that name; how many there were.
  std::size_t erase(std::string_view name);
  void clear() noexcept;

  // The value of the first of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  // Whether a list separated by commas, such as Connection, has the word (ignoring case) in any field of that name.
  [[nodiscard]] bool lists(std::string_view name, std::string_view word) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
  // Valid until the fields change.
  [[nodiscard]] field operator[](std::size_t i) const noexcept {
    const place& p = places_[i];
    const std::string_view all = text_;
    return {all.substr(p.begin, p.name_size), all.substr(p.begin + p.name_size, p.value_size)};
  }

 private:
  friend struct detail::unchecked_fields;
  struct place {
    std::uint32_t begin;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  void append(std::string_view name, std::string_view value);

  std::string text_;
  std::vector<place> places_;
};

// Where a streamed body is written to.
class body_writer {
 public:
  body_writer(const body_writer&) = delete;
  body_writer& operator=(const body_writer&) = delete;

  // Buffers small pieces. Parks while the peer does not read. Throws std::logic_error if that is more than the size that was promised.
  virtual void write(std::span<const std::byte> data) = 0;
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Sends what is buffered. Parks.
  virtual void flush() = 0;
  // A field to be sent after the body. Only a body that goes in chunks has room for it: towards HTTP/1.0 it is left out. Some receivers drop
  // trailers, so they must not be what an answer depends on. Throws std::logic_error if a size was promised, std::invalid_argument for what
  // fields::add() refuses and for names that belong in the header: those about framing, routing, authentication, the kind of the content.
  virtual void add_trailer(std::string_view name, std::string_view value) = 0;

 protected:
  body_writer() = default;
  ~body_writer() = default;
};

// A body that is made while it is sent: the function writes it and returns. Without a size it goes out in chunks.
struct body_stream {
  std::function<void(body_writer&)> write;
  std::optional<std::uint64_t> size = {};
};

}  // namespace weft::io::http
