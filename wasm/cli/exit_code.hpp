// What the program `weft` ends with when it is not the guest that says.
#pragma once

namespace weft::cli {

namespace exit_code {
inline constexpr int ill = 1;            // weft doctor: something will not work
inline constexpr int usage = 2;          // a flag, a file or a module that cannot be used
inline constexpr int timed_out = 124;    // --timeout, as timeout(1)
inline constexpr int host_failed = 125;  // weft itself could not go on
inline constexpr int trapped = 134;      // the guest trapped: 128 + SIGABRT, as other runtimes
inline constexpr int signal_base = 128;  // plus the signal that ended weft
}  // namespace exit_code

}  // namespace weft::cli
