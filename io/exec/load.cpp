// Loading: the thread that runs constructors is the program's main thread.
#include <weft/io/exec/program_thread.hpp>

namespace weft::exec {

namespace {

[[gnu::constructor(101)]] void loaded() noexcept { is_main_thread = true; }

}  // namespace

}  // namespace weft::exec
