// What a group throws when tasks of it have failed: all failures, each with the task's name and where it was spawned.
#pragma once

#include <exception>
#include <source_location>
#include <string>
#include <vector>

namespace weft {

struct failure {
  std::exception_ptr error;   // never null, never of type `cancelled`
  std::string task;           // its name; empty if it was given none
  std::source_location site;  // where it was spawned
};

class group_error : public std::exception {
 public:
  explicit group_error(std::vector<failure> failures);

  // At least one, in the order in which the tasks failed.
  [[nodiscard]] const std::vector<failure>& failures() const noexcept { return failures_; }

  // The first failure of type E or derived from it, also within nested group_errors; nullptr if there is none. Lives as long as
  // this group_error or a copy of it.
  template <class E>
  [[nodiscard]] const E* find() const noexcept {
    for (const failure& f : failures_) {
      try {
        std::rethrow_exception(f.error);
      } catch (const E& e) {
        return &e;  // the object that f.error keeps alive
      } catch (const group_error& nested) {
        if (const E* e = nested.find<E>()) return e;
      } catch (...) {
      }
    }
    return nullptr;
  }

  // The failures as a tree, a line each: "2 tasks failed" and beneath it name, spawn site and message.
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::vector<failure> failures_;
  std::string text_;
};

}  // namespace weft
