// The two forms of a dump.
#pragma once

#include <string>

#include <weft/scheduler/observe/snapshot.hpp>
#include <weft/scheduler/observe/unwinder.hpp>

namespace weft::detail {

[[nodiscard]] std::string text_of(const process_view& process, unwinder& stacks);
[[nodiscard]] std::string json_of(const process_view& process, unwinder& stacks);

// The fiber's line without its title: "parked for 1.2 s: mutex 0x7f12, held by fiber 4".
[[nodiscard]] std::string state_of(const fiber_view& f, clock_time now);

}  // namespace weft::detail
