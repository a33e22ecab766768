// Bytes from one descriptor to another inside the kernel. There is no form of these calls that cannot wait for a socket, a pipe or the disk, so they are made
// on a helper thread, and not cut short once begun.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>

#include <weft/io/detail/system_calls.hpp>
#include <weft/io/hooks/detail/real.hpp>
#include <weft/io/hooks/detail/wait.hpp>

namespace weft::io::hooks {

namespace {

constexpr real_function<decltype(::sendfile), "sendfile"> real_sendfile;
constexpr real_function<decltype(::splice), "splice"> real_splice;
constexpr real_function<decltype(::copy_file_range), "copy_file_range"> real_copy_file_range;

template <class Call>
ssize_t elsewhere(Call call) {
  return leave_with(on_helper_thread([&]() -> std::int64_t {
    const ssize_t result = call();
    return result >= 0 ? result : negative_errno();
  }));
}

}  // namespace

}  // namespace weft::io::hooks

using namespace weft::io::hooks;

extern "C" {

ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  if (!may_wait() || weft::io::detail::is_nonblocking(to)) return real_sendfile(to, from, offset, size);
  return elsewhere([=] { return real_sendfile(to, from, offset, size); });
}

ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) noexcept { return sendfile(to, from, offset, size); }

ssize_t splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size, unsigned flags) {
  if ((flags & SPLICE_F_NONBLOCK) != 0 || !may_wait())
    return real_splice(from, from_offset, to, to_offset, size, flags);
  return elsewhere([=] { return real_splice(from, from_offset, to, to_offset, size, flags); });
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size, unsigned flags) {
  if (!may_wait()) return real_copy_file_range(from, from_offset, to, to_offset, size, flags);
  return elsewhere([=] { return real_copy_file_range(from, from_offset, to, to_offset, size, flags); });
}

}  // extern "C"
