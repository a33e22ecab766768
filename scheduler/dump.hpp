// Seeing every fiber: a dump of all runtimes of the process, for people and for programs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace weft {

enum class dump_format : std::uint8_t {
  text,  // a tree of groups
  json,  // the same as one JSON object, on one line; docs/debugging.md lists the members
};

// Every fiber that runs a task, beneath the groups it is in: the task's name and where it was spawned; whether it runs, is ready or is parked,
// since when (to about the last time that its worker looked at the clock) and until when at most; what it waits for, which object, and who
// holds that; its stack, with functions and lines (where weft was built with elfutils' libdw). Tasks that have not begun are counted.
//
// Nothing is stopped for it: each fiber is told as it was at a moment of its own. A fiber that runs is interrupted by a signal (SIGURG) for as
// long as copying its stack takes. Costs about 20 us a fiber while no fiber can be made, then some 50 us a fiber for its stack, and tens of
// milliseconds for reading the program's debug information. Any thread, any fiber, not a signal handler; blocks the calling thread, never parks.
// Throws std::bad_alloc, or std::system_error if no thread can be had for the work.
[[nodiscard]] std::string dump(dump_format format = dump_format::text);

// Writes it to a file, followed by a line end, and flushes. Errors of writing are the file's (std::ferror).
void dump(std::FILE* to, dump_format format = dump_format::text);

}  // namespace weft
