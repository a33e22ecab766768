// The C library's own functions that this library stands in front of.
#pragma once

#include <signal.h>

#include <weft/io/hooks/detail/real.hpp>

namespace weft::exec {

using io::hooks::real_function;

inline constexpr real_function<decltype(::pthread_sigmask), "pthread_sigmask"> real_pthread_sigmask;

}  // namespace weft::exec
