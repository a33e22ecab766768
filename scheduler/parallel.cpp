#include <weft/scheduler/parallel.hpp>

#include <weft/scheduler/detail/worker.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

bool thieves_are_hungry() {
  check_cancelled();
  worker* w = this_worker();
  if (w->others_wait()) {
    w->yield();
    w = this_worker();
  }
  return w->has_no_tasks() && w->runtime().workers().size() > 1;
}

}  // namespace weft::detail
