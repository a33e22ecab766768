// Messages of sockets: datagrams, and bytes with descriptors beside them. Tried at once; where that would wait, the fiber waits for
// readiness and tries again. All of these park, are cancellation points, and return a count or a negative errno; outside fibers they block.
// `user`, where there is one, is the counted descriptor behind fd.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>

#include <weft/io/detail/open_descriptor.hpp>

namespace weft::io::detail {

// Bytes sent.
std::int64_t send_message(int fd, const msghdr& message, open_descriptor* user);
// Bytes received; sets the message's name, control data and flags. Descriptors that come with it are close-on-exec.
std::int64_t receive_message(int fd, msghdr& message, open_descriptor* user);

// How many went, at least one unless there are none. One that fails ends the row: its error is that of the next call.
std::int64_t send_messages(int fd, std::span<mmsghdr> messages, open_descriptor* user);
// How many came, at least one unless there is room for none.
std::int64_t receive_messages(int fd, std::span<mmsghdr> messages, open_descriptor* user);

}  // namespace weft::io::detail
