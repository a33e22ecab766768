// The functions that hooks stand in front of.
//
// Each is looked up when the program starts, by the constructors of this library, or when it is first called, if that is earlier. So a call
// costs a load and a branch, and nothing is looked up in a signal handler. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>

namespace weft::io::hooks {

// The next definition of that name after the calling program's or library's own; of that version, where one is given. Ends the process with a
// message if there is none.
[[nodiscard]] void* find_real(const char* name, const char* version) noexcept;

template <std::size_t N>
struct literal {
  char text[N];
  consteval literal(const char (&t)[N]) noexcept { std::copy_n(t, N, text); }
};

// constexpr real_function<decltype(::read), "read"> real_read;  real_read(fd, buffer, size);
template <class Signature, literal Name, literal Version = "">
class real_function {
 public:
  template <class... A>
  auto operator()(A... arguments) const noexcept(noexcept(std::declval<Signature*>()(arguments...))) {
    return get()(arguments...);
  }

  [[nodiscard]] static Signature* get() noexcept {
    static_cast<void>(&found_early_);
    Signature* const f = found_.load(std::memory_order_relaxed);
    return f != nullptr ? f : find();
  }

 private:
  [[gnu::cold, gnu::noinline]] static Signature* find() noexcept {
    auto* const f = reinterpret_cast<Signature*>(find_real(Name.text, Version.text));
    found_.store(f, std::memory_order_relaxed);
    return f;
  }

  static inline std::atomic<Signature*> found_{nullptr};
  static inline const bool found_early_ = (find(), true);
};

}  // namespace weft::io::hooks
