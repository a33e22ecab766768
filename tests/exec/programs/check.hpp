// For programs that are run under `weft exec`: a check that fails says where and what, and the process ends with 1.
#pragma once

#include <cstdio>
#include <cstdlib>

template <class A, class B>
void check_equal(const A& is, const B& should_be, const char* what, int line) {
  if (is == should_be) return;
  std::fprintf(stderr, "line %d: %s is %lld, not %lld\n", line, what, static_cast<long long>(is),
               static_cast<long long>(should_be));
  std::_Exit(1);
}

#define CHECK_EQUAL(is, should_be) check_equal(is, should_be, #is, __LINE__)
#define CHECK(what) check_equal(static_cast<bool>(what), true, #what, __LINE__)
