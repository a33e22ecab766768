// System calls that fail, for child processes: there is no way back.
#pragma once

#include <linux/filter.h>

#include <span>

namespace weft::io::test {

// Ends the process if the kernel does not take the filter.
void install_filter(std::span<sock_filter> program);

// From here on the given system call fails with the given errno.
void forbid(unsigned system_call, unsigned error);

}  // namespace weft::io::test
