// System calls as plain functions: they return what the call returns, or a negative errno; they repeat the call after EINTR.
//
// All of them are out of line: a compiler may keep the address of the thread's errno for the length of a function, and a function
// that parks may go on in another thread. No function here parks.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::io::detail {

// Reads and writes; an offset of -1 is the descriptor's own position. `now`: as far as it goes without waiting, else -EAGAIN or,
// where the descriptor does not know how to tell, -EOPNOTSUPP.
std::int64_t read_now(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;
std::int64_t write_now(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;
std::int64_t read_blocking(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;
std::int64_t write_blocking(int fd, std::span<const iovec> buffers, std::int64_t offset) noexcept;

std::int64_t receive(int fd, std::span<std::byte> buffer, int flags) noexcept;
std::int64_t send(int fd, std::span<const std::byte> buffer, int flags) noexcept;
std::int64_t receive_message(int fd, std::span<const iovec> buffers, int flags) noexcept;
std::int64_t send_message(int fd, std::span<const iovec> buffers, int flags) noexcept;

// On a listener that is set not to block: -EAGAIN.
std::int64_t accept_blocking(int fd, int flags = SOCK_CLOEXEC) noexcept;
std::int64_t connect_blocking(int fd, const sockaddr* where, socklen_t size) noexcept;
// Begins to connect: 0 if that was all, -EINPROGRESS if the socket will be writable when it is connected or has failed (socket_error). Sets
// O_NONBLOCK for a moment.
std::int64_t connect_now(int fd, const sockaddr* where, socklen_t size) noexcept;
// What SO_ERROR holds, as a negative errno; 0 for none.
std::int64_t socket_error(int fd) noexcept;
// 0 for a listening socket, else what accept(2) would say.
std::int64_t check_listening(int fd) noexcept;
bool is_nonblocking(int fd) noexcept;
bool set_nonblocking(int fd) noexcept;  // false if that is not possible
std::int64_t open_blocking(const char* path, int flags, unsigned permissions) noexcept;
std::int64_t sync_blocking(int fd, bool data_only) noexcept;

// Nanoseconds; negative: no limit. Signals end it (-EINTR), but for a mere look, of no time, which the kernel would end for a signal, too.
std::int64_t poll_blocking(std::span<pollfd> what, std::chrono::nanoseconds limit) noexcept;

// close(2), which is never repeated: the descriptor is gone even if it reports an error.
int close_now(int fd) noexcept;

// Wherever a short count means the end, and only there, further bytes must be asked for.
bool is_regular_file(int fd) noexcept;
std::int64_t file_size(int fd) noexcept;
bool is_direct(int fd) noexcept;  // O_DIRECT
// Negative where there is none, as for pipes.
std::int64_t position_of(int fd) noexcept;
void set_position(int fd, std::int64_t position) noexcept;

}  // namespace weft::io::detail
