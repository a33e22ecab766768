// Failures on their way from a group that was left by an exception to the end of the enclosing task.
#pragma once

#include <exception>
#include <vector>

#include <weft/scheduler/group_error.hpp>

namespace weft::detail {

struct failure_list {
  std::vector<failure> failures;
  std::exception_ptr delivered;  // the last error that task::get() threw on this fiber: its receiver knows of it
};

}  // namespace weft::detail
