// Why nothing goes on.
#pragma once

#include <string>

#include <weft/scheduler/observe/snapshot.hpp>

namespace weft::detail {

// The cycles of fibers that wait for each other; then the waits for what no fiber holds or computes; then the dump of all. Any thread with
// a stack of 1 MiB.
[[nodiscard]] std::string deadlock_report(const process_view& process);

}  // namespace weft::detail
