#include <weft/scheduler/group_error.hpp>

#include <utility>

namespace weft {

namespace {

std::string indented(std::string_view text, std::string_view by) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += by;
  }
  return result;
}

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

std::string describe(const failure& f) {
  const std::string name = f.task.empty() ? "task" : "task '" + f.task + "'";
  return name + " spawned at " + f.site.file_name() + ":" + std::to_string(f.site.line()) + ": " +
         indented(message_of(f.error), "    ");
}

}  // namespace

group_error::group_error(std::vector<failure> failures) : failures_(std::move(failures)) {
  text_ = failures_.size() == 1 ? "1 task failed" : std::to_string(failures_.size()) + " tasks failed";
  for (const failure& f : failures_) text_ += "\n  " + describe(f);
}

}  // namespace weft
