// Calls that change what known_sockets.hpp remembers. None of them waits longer than before, and all are the real calls.
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdarg>

#include <weft/io/hooks/detail/known_sockets.hpp>
#include <weft/io/hooks/detail/real.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::close), "close"> real_close;
constexpr real_function<decltype(::close_range), "close_range"> real_close_range;
constexpr real_function<decltype(::closefrom), "closefrom"> real_closefrom;
constexpr real_function<decltype(::dup2), "dup2"> real_dup2;
constexpr real_function<decltype(::dup3), "dup3"> real_dup3;
constexpr real_function<decltype(::fclose), "fclose"> real_fclose;
constexpr real_function<int(int, unsigned long, ...), "ioctl"> real_ioctl;
constexpr real_function<decltype(::setsockopt), "setsockopt"> real_setsockopt;
constexpr real_function<decltype(::socket), "socket"> real_socket;
constexpr real_function<decltype(::socketpair), "socketpair"> real_socketpair;

// Also afterwards: another thread may have asked about it until it was closed.
template <class Call>
auto forgetting(int fd, Call call) {
  known_sockets::forget(fd);
  const auto result = call();
  known_sockets::forget(fd);
  return result;
}

int forget_if_made(int fd) noexcept {
  if (fd >= 0) known_sockets::forget(fd);
  return fd;
}

bool is_time_limit(int level, int option) noexcept {
  return level == SOL_SOCKET &&
         (option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVTIMEO_NEW || option == SO_SNDTIMEO_NEW);
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

int close(int fd) {
  return forgetting(fd, [&] { return real_close(fd); });
}

int close_range(unsigned first, unsigned last, int flags) {
  known_sockets::forget_all();
  const int result = real_close_range(first, last, flags);
  known_sockets::forget_all();
  return result;
}

void closefrom(int first) {
  known_sockets::forget_all();
  real_closefrom(first);
  known_sockets::forget_all();
}

int fclose(FILE* stream) {
  return forgetting(fileno_unlocked(stream), [&] { return real_fclose(stream); });
}

int dup2(int from, int to) {
  return forgetting(to, [&] { return real_dup2(from, to); });
}

int dup3(int from, int to, int flags) {
  return forgetting(to, [&] { return real_dup3(from, to, flags); });
}

int socket(int family, int type, int protocol) { return forget_if_made(real_socket(family, type, protocol)); }

int socketpair(int family, int type, int protocol, int* ends) {
  const int result = real_socketpair(family, type, protocol, ends);
  if (result == 0) std::for_each_n(ends, 2, [](int fd) { known_sockets::forget(fd); });
  return result;
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  const int result = real_setsockopt(fd, level, option, value, size);
  if (is_time_limit(level, option)) known_sockets::forget_all();
  return result;
}

// Its third argument, where there is one, is an integer or a pointer, which travel alike.
int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  const int result = real_ioctl(fd, request, argument);
  if (request == FIONBIO) known_sockets::forget_all();
  return result;
}

}  // extern "C"
