// The unwinder of builds without libdwfl.
#include <weft/scheduler/observe/unwinder.hpp>

namespace weft::detail {

struct unwinder::library {};

unwinder::unwinder() = default;
unwinder::~unwinder() = default;

std::vector<frame> unwinder::frames_of(const stack_image&) { return {}; }

}  // namespace weft::detail
