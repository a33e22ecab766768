// What a server does when it has run out of descriptors.
#pragma once

#include <functional>
#include <string>

namespace weft::io {

// accept() finds no descriptor (EMFILE: the process has its limit, ENFILE: the machine) or no memory (ENOBUFS, ENOMEM) for the next connection,
// which stays in the queue meanwhile.
struct shortage_options {
  // Off: accept() throws. On: it waits, longer each time, at most 100 ms, and tries again, so that the server goes on when connections end.
  bool pause = false;
  // Is told when a shortage begins, once for all attempts until one goes well without waiting. On the fiber that accepts; what it throws comes
  // out of accept(). Empty: the line goes to stderr.
  std::function<void(const std::string& line)> report = {};
};

}  // namespace weft::io
