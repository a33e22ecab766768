#include <weft/io/buffered.hpp>

#include <cstdio>
#include <string>

#include <weft/io/detail/errors.hpp>

namespace weft::io::detail {

void fail_ended_early(std::size_t wanted, std::size_t got) {
  fail(ECONNABORTED, "read " + std::to_string(wanted) + " bytes: the stream ended after " + std::to_string(got));
}

void fail_too_long(const char* what, std::size_t limit) {
  fail(EMSGSIZE, std::string("read a ") + what + " of more than " + std::to_string(limit) +
                     " bytes (allow more, or do not trust who sends it)");
}

void fail_peek(std::size_t wanted, std::size_t capacity) {
  fail(EMSGSIZE, "peek at " + std::to_string(wanted) + " bytes with a buffer of " + std::to_string(capacity) +
                     " (give the reader a larger one)");
}

void report_lost(std::size_t bytes, const char* why) noexcept {
  std::fprintf(
      stderr,
      "weft::io: a buffered_writer was destroyed with %zu bytes that could not be written (%s): call flush() first\n",
      bytes, why);
}

}  // namespace weft::io::detail
