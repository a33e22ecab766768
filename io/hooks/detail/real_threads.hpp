// The C library's condition variables, semaphores and barriers, for whoever stands in front of them.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <weft/io/hooks/detail/real.hpp>

namespace weft::io::hooks {

// An older kind of condition variable has the same names.
inline constexpr real_function<decltype(::pthread_cond_wait), "pthread_cond_wait", "GLIBC_2.3.2"> real_cond_wait;
inline constexpr real_function<decltype(::pthread_cond_timedwait), "pthread_cond_timedwait", "GLIBC_2.3.2">
    real_cond_timedwait;
inline constexpr real_function<decltype(::pthread_cond_clockwait), "pthread_cond_clockwait"> real_cond_clockwait;
inline constexpr real_function<decltype(::pthread_cond_signal), "pthread_cond_signal", "GLIBC_2.3.2"> real_cond_signal;
inline constexpr real_function<decltype(::pthread_cond_broadcast), "pthread_cond_broadcast", "GLIBC_2.3.2">
    real_cond_broadcast;
inline constexpr real_function<decltype(::sem_wait), "sem_wait"> real_sem_wait;
inline constexpr real_function<decltype(::sem_timedwait), "sem_timedwait"> real_sem_timedwait;
inline constexpr real_function<decltype(::sem_clockwait), "sem_clockwait"> real_sem_clockwait;
inline constexpr real_function<decltype(::sem_post), "sem_post"> real_sem_post;
inline constexpr real_function<decltype(::pthread_barrier_init), "pthread_barrier_init"> real_barrier_init;
inline constexpr real_function<decltype(::pthread_barrier_wait), "pthread_barrier_wait"> real_barrier_wait;
inline constexpr real_function<decltype(::pthread_barrier_destroy), "pthread_barrier_destroy"> real_barrier_destroy;

}  // namespace weft::io::hooks
