// The C library's own functions that this library stands in front of. Each is looked up when the library is loaded, or at its first call.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <ctime>
#include <utility>

namespace weft::exec {

// Ends the process with a message if there is none.
[[nodiscard]] void* find_real(const char* name, const char* version) noexcept;

template <std::size_t N>
struct literal {
  char text[N];
  consteval literal(const char (&t)[N]) noexcept { std::copy_n(t, N, text); }
};

template <class Signature, literal Name, literal Version = "">
class real_function {
 public:
  template <class... A>
  auto operator()(A... arguments) const {
    return get()(arguments...);
  }
  [[nodiscard]] static Signature* get() noexcept {
    static_cast<void>(&found_early_);
    Signature* f = found_.load(std::memory_order_relaxed);
    return f != nullptr ? f : find();
  }

 private:
  [[gnu::cold, gnu::noinline]] static Signature* find() noexcept {
    auto* f = reinterpret_cast<Signature*>(find_real(Name.text, Version.text));
    found_.store(f, std::memory_order_relaxed);
    return f;
  }
  static inline std::atomic<Signature*> found_{nullptr};
  static inline const bool found_early_ = (find(), true);
};

inline constexpr real_function<decltype(::pthread_sigmask), "pthread_sigmask"> real_pthread_sigmask;

}  // namespace weft::exec
