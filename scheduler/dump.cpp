#include <weft/scheduler/dump.hpp>

#include <weft/scheduler/observe/dump_text.hpp>
#include <weft/scheduler/observe/fresh_thread.hpp>

namespace weft {

// On a thread of its own: a fiber's stack is too small for reading debug information, and its worker must be free to take the signal by which
// its own stack is copied.
std::string dump(dump_format format) {
  std::string text;
  detail::on_fresh_thread([&] {
    const detail::process_view process = detail::look_at_process(detail::with_stacks::yes);
    detail::unwinder stacks;
    text = format == dump_format::text ? detail::text_of(process, stacks) : detail::json_of(process, stacks);
  });
  return text;
}

void dump(std::FILE* to, dump_format format) {
  const std::string text = dump(format) + "\n";
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

}  // namespace weft
