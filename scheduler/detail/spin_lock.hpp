// The scheduler's own name for the public lock.
#pragma once

#include <weft/scheduler/spin_lock.hpp>

namespace weft::detail {

using weft::spin_hint;
using weft::spin_lock;
using weft::spin_wait;

}  // namespace weft::detail
