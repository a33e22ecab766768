#include <weft/io/hooks/hooks.hpp>

#include <dlfcn.h>

#include <array>
#include <string>

// A library that is preloaded as well is told by it to stay out of the way.
extern "C" const char weft_hooks_are_linked = 1;

namespace weft::io::hooks {

namespace {

constexpr auto names = std::to_array<std::string_view>({
    "__open64_2",
    "__open_2",
    "__poll_chk",
    "__ppoll_chk",
    "__pread64_chk",
    "__pread_chk",
    "__read_chk",
    "__recv_chk",
    "__recvfrom_chk",
    "accept",
    "accept4",
    "call_once",
    "clock_nanosleep",
    "close",
    "close_range",
    "closefrom",
    "cnd_broadcast",
    "cnd_signal",
    "cnd_timedwait",
    "cnd_wait",
    "connect",
    "copy_file_range",
    "dup2",
    "dup3",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "fclose",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "flock",
    "fsync",
    "getaddrinfo",
    "gethostbyaddr_r",
    "gethostbyname",
    "gethostbyname2",
    "gethostbyname2_r",
    "gethostbyname_r",
    "getnameinfo",
    "ioctl",
    "lockf",
    "lockf64",
    "mq_receive",
    "mq_send",
    "mq_timedreceive",
    "mq_timedsend",
    "mtx_lock",
    "mtx_timedlock",
    "mtx_trylock",
    "mtx_unlock",
    "nanosleep",
    "open",
    "open64",
    "openat",
    "openat64",
    "pclose",
    "poll",
    "ppoll",
    "pread",
    "pread64",
    "preadv",
    "preadv64",
    "pselect",
    "pthread_barrier_destroy",
    "pthread_barrier_init",
    "pthread_barrier_wait",
    "pthread_cond_broadcast",
    "pthread_cond_clockwait",
    "pthread_cond_signal",
    "pthread_cond_timedwait",
    "pthread_cond_wait",
    "pthread_join",
    "pthread_mutex_clocklock",
    "pthread_mutex_lock",
    "pthread_mutex_timedlock",
    "pthread_mutex_trylock",
    "pthread_mutex_unlock",
    "pthread_once",
    "pthread_rwlock_clockrdlock",
    "pthread_rwlock_clockwrlock",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_timedrdlock",
    "pthread_rwlock_timedwrlock",
    "pthread_rwlock_unlock",
    "pthread_rwlock_wrlock",
    "pwrite",
    "pwrite64",
    "pwritev",
    "pwritev64",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "select",
    "sem_clockwait",
    "sem_post",
    "sem_timedwait",
    "sem_wait",
    "send",
    "sendfile",
    "sendfile64",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "sigtimedwait",
    "sigwait",
    "sigwaitinfo",
    "sleep",
    "socket",
    "socketpair",
    "splice",
    "system",
    "thrd_join",
    "thrd_sleep",
    "usleep",
    "wait",
    "wait3",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
});

}  // namespace

std::span<const std::string_view> hooked_functions() noexcept { return names; }

bool is_hooked(std::string_view function) {
  const std::string name(function);
  void* const first = ::dlsym(RTLD_DEFAULT, name.c_str());
  void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (first == nullptr || libc == nullptr) return false;
  const bool hooked = first != ::dlsym(libc, name.c_str());
  ::dlclose(libc);
  return hooked;
}

}  // namespace weft::io::hooks
