#include <weft/scheduler/observe/saved_context.hpp>

namespace weft::detail {

namespace {

using context = boost::fibers::context;

// The member is private. An explicit instantiation may name it nevertheless ([temp.spec]), and hand it to a friend.
boost::context::fiber context::* member_of_saved_context() noexcept;
template <boost::context::fiber context::* Member>
struct member_finder {
  friend boost::context::fiber context::* member_of_saved_context() noexcept { return Member; }
};
template struct member_finder<&context::c_>;

static_assert(sizeof(boost::context::fiber) == sizeof(void*),
              "a boost::context::fiber is more than the saved context's address");

}  // namespace

std::ptrdiff_t offset_of_saved_context() noexcept {
  alignas(context) static const char shape[sizeof(context)] = {};
  static const std::ptrdiff_t offset =
      reinterpret_cast<const char*>(&(reinterpret_cast<const context*>(shape)->*member_of_saved_context())) - shape;
  return offset;
}

}  // namespace weft::detail
