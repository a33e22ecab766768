// Where the log of the command line goes: standard error, a line an event.
#pragma once

#include <string>

namespace weft::cli {

// Levels: trace, debug, info, warn, error, off. An empty `level` means the environment variable WEFT_LOG, and "warn" if that
// is not set. Throws std::invalid_argument for a level that does not exist.
void start_log(const std::string& level);

}  // namespace weft::cli
