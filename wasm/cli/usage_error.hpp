// What the command line was given cannot be used: said in one line, exit code 2.
#pragma once

#include <stdexcept>

namespace weft::cli {

class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace weft::cli
