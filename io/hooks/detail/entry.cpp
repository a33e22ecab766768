#include <weft/io/hooks/detail/entry.hpp>

#include <new>

#include <weft/scheduler/foreign_frame.hpp>

namespace weft::io::hooks {

static_assert(sizeof(foreign_frame) <= 2 * sizeof(void*));

bool may_wait() noexcept { return may_park_here(); }

entry::entry() noexcept { ::new (static_cast<void*>(saved_)) foreign_frame; }
entry::~entry() { std::launder(reinterpret_cast<foreign_frame*>(saved_))->~foreign_frame(); }

std::int64_t result_after_leaving(std::int64_t result) { return result; }

}  // namespace weft::io::hooks
