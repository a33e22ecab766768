// Reading and writing as every class of this module does it: at once if that works, else through the engine. All of these park,
// are cancellation points, and return a count or a negative errno; outside fibers they block. `user`, where there is one, is
// the counted descriptor behind fd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weft/io/detail/engine.hpp>
#include <weft/io/detail/system_calls.hpp>

namespace weft::io::detail {

// What a short count from an attempt that did not wait means.
enum class short_count {
  is_enough,    // pipes and sockets: that is what there was
  means_end,    // regular files: callers take it for the end, so the rest is transferred too
  look_at_file  // whichever of the two the descriptor is
};

std::int64_t read(int fd, std::span<const iovec> buffers, std::int64_t offset, short_count policy,
                  open_descriptor* user = nullptr);
std::int64_t write(int fd, std::span<const iovec> buffers, std::int64_t offset, short_count policy,
                   open_descriptor* user = nullptr);

// What is left of the buffers once that many bytes are done with.
[[nodiscard]] std::vector<iovec> without_first(std::span<const iovec> buffers, std::size_t bytes);

// `user` must be given: it remembers how the last one went.
std::int64_t receive_some(int fd, std::span<std::byte> buffer, open_descriptor* user);
// May send less than all.
std::int64_t send_some(int fd, std::span<const std::byte> buffer, open_descriptor* user);

// The same with several buffers. Where they have to wait it is for readiness, then they try again.
std::int64_t receive_vectors(int fd, std::span<const iovec> buffers, open_descriptor* user);
std::int64_t send_vectors(int fd, std::span<const iovec> buffers, open_descriptor* user);

std::int64_t accept_one(int fd, open_descriptor* user);
std::int64_t connect(int fd, const sockaddr* where, socklen_t size, open_descriptor* user);
std::int64_t open_file(const char* path, int flags, unsigned permissions);
std::int64_t sync(int fd, bool data_only, open_descriptor* user);

// Waits until one of the poll events is there (or an error is).
std::int64_t wait_ready(int fd, short events, open_descriptor* user);

}  // namespace weft::io::detail
