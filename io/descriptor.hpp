// Blocking calls on plain file descriptors, for those who manage descriptors themselves. They do what the system calls of the
// same names do, on anything that can be read or written: files, pipes, sockets, terminals. They try at once and, where the
// call would wait, park the fiber and leave the worker to others. On an ordinary thread, outside weft's fibers, they block it.
//
// Each call is a cancellation point: it throws `cancelled` when its scope is cancelled, after the operation has ended, so that a
// buffer is never written to after the call has returned or thrown; a call that succeeded first returns normally.
//
// The descriptor must stay open during the call: closing it elsewhere does not end the call (the classes file, tcp_stream and
// pipe_reader do better). Any number of fibers may use a descriptor at once. O_NONBLOCK is not needed, and ignored.
//
// Each function comes in two forms: one throws std::system_error, the other reports the errno in `error` (generic category) and
// then returns 0 (or -1 for descriptors). Both throw `cancelled`, and std::logic_error on a runtime without an I/O engine.
#pragma once

#include <poll.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace weft::io {

// Bytes read: at least one unless the buffers are empty or the end is reached. From regular files all that was asked for, unless
// the file ends. Parks.
std::size_t read(int fd, std::span<const iovec> buffers);
std::size_t read(int fd, std::span<const iovec> buffers, std::error_code& error);
std::size_t read(int fd, std::span<std::byte> buffer);
std::size_t read(int fd, std::span<std::byte> buffer, std::error_code& error);

// Bytes written, at least one unless the buffers are empty; to regular files all of them unless the disk is full. Parks. Writing to
// a pipe or socket that nobody reads any more raises SIGPIPE as write(2) does; a program that wants EPIPE ignores that signal.
std::size_t write(int fd, std::span<const iovec> buffers);
std::size_t write(int fd, std::span<const iovec> buffers, std::error_code& error);
std::size_t write(int fd, std::span<const std::byte> buffer);
std::size_t write(int fd, std::span<const std::byte> buffer, std::error_code& error);

// Writes everything. After an error or a cancellation an unknown part has been written. Parks.
void write_all(int fd, std::span<const std::byte> buffer);

// The same at an offset, leaving the descriptor's own position alone. Parks.
std::size_t pread(int fd, std::span<const iovec> buffers, std::uint64_t offset);
std::size_t pread(int fd, std::span<const iovec> buffers, std::uint64_t offset, std::error_code& error);
std::size_t pwrite(int fd, std::span<const iovec> buffers, std::uint64_t offset);
std::size_t pwrite(int fd, std::span<const iovec> buffers, std::uint64_t offset, std::error_code& error);

// What can be transferred without waiting; never parks, is no cancellation point. Reports operation_would_block (EAGAIN) if nothing
// can, also for descriptors that cannot tell (terminals); call read() or write() then. At the descriptor's own position.
std::size_t try_read(int fd, std::span<const iovec> buffers, std::error_code& error) noexcept;
std::size_t try_write(int fd, std::span<const iovec> buffers, std::error_code& error) noexcept;

// The next connection of a listening socket, close-on-exec and in blocking mode. Parks.
[[nodiscard]] int accept(int fd);
[[nodiscard]] int accept(int fd, std::error_code& error);

// As open(2), which may wait for a disk, a network or a pipe's other end; with O_CLOEXEC added. Parks.
[[nodiscard]] int open(const std::string& path, int flags, unsigned permissions = 0666);
[[nodiscard]] int open(const std::string& path, int flags, unsigned permissions, std::error_code& error);

// As fsync(2), or fdatasync(2). Parks; once begun its end is awaited.
void sync(int fd, bool data_only = false);
void sync(int fd, bool data_only, std::error_code& error);

// As poll(2): waits until any of the descriptors is ready, or the limit comes; sets each `revents` and returns how many are ready, 0
// when the limit came first. Entries with a negative descriptor are left out. A limit in the past only looks. Parks.
std::size_t poll_many(std::span<pollfd> descriptors,
                      std::chrono::steady_clock::time_point limit = std::chrono::steady_clock::time_point::max());
std::size_t poll_many(std::span<pollfd> descriptors, std::chrono::steady_clock::time_point limit,
                      std::error_code& error);
// A look at them, which never parks and is no cancellation point: how many are ready now.
std::size_t poll_now(std::span<pollfd> descriptors) noexcept;

}  // namespace weft::io
