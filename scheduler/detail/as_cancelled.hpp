// What an exception_ptr holds, without throwing it again to see: that costs over a microsecond, and a cancelled tree ends by as many
// exceptions as it has tasks.
#pragma once

#include <cstring>
#include <exception>
#include <typeinfo>

#include <weft/scheduler/cancel.hpp>

namespace weft::detail {

// The `cancelled` in it, which lives as long as the pointer; nullptr if there is something else or nothing. libstdc++ tells the type, and
// keeps the address of the object as its pointer's only member.
inline const cancelled* as_cancelled(const std::exception_ptr& error) noexcept {
  if (error == nullptr || *error.__cxa_exception_type() != typeid(cancelled)) return nullptr;
  const void* object = nullptr;
  static_assert(sizeof(error) == sizeof(object));
  std::memcpy(static_cast<void*>(&object), static_cast<const void*>(&error), sizeof(object));
  return static_cast<const cancelled*>(object);
}

}  // namespace weft::detail
