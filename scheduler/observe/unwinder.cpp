#include <weft/scheduler/observe/unwinder.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace weft::detail {

namespace {

bool is_machinery(const frame& f) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array names{"boost::context::"sv,
                                    "boost::fibers::"sv,
                                    "jump_fcontext"sv,
                                    "ontop_fcontext"sv,
                                    "trampoline"sv,
                                    "__wrap_"sv,
                                    "weft::detail::worker::"sv,
                                    "weft::parker::"sv,
                                    "weft::detail::run_task"sv,
                                    "weft::detail::execute_task"sv,
                                    "void boost::context::"sv,
                                    "weft::detail::(anonymous namespace)::perform_root"sv,
                                    "make_fcontext"sv,
                                    "decltype(auto) boost::"sv};
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return f.function.starts_with(name); });
}

}  // namespace

// A stack of nothing else is left as it is.
void drop_machinery(std::vector<frame>& frames) {
  const auto first = std::find_if_not(frames.begin(), frames.end(), is_machinery);
  if (first == frames.end()) return;
  frames.erase(frames.begin(), first);
  while (is_machinery(frames.back()) || (frames.size() > 1 && frames.back().function.empty())) frames.pop_back();
}

}  // namespace weft::detail
