// Static probes (USDT) for bpftrace, perf, SystemTap and gdb: docs/internals/probes.md lists them. Each is a nop and a note in the
// binary; the tool that listens patches the nop. Where <sys/sdt.h> is missing they are nothing.
#pragma once

#if defined(WEFT_HAVE_SDT)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
// Arguments are described to the tool where they are, in a register or in memory, so they cost no instruction.
#define WEFT_PROBE(name, ...) STAP_PROBEV(weft, name, __VA_ARGS__)
#else
#define WEFT_PROBE(name, ...) static_cast<void>(0)
#endif
