"""Fibers of weft in gdb, in a live process and in a core file.

    (gdb) source weft.py
    (gdb) info fibers              every fiber that runs a task: number, state, task, what it waits for
    (gdb) fiber 3 bt               the stack of fiber 3; what follows `fiber 3` is any command, with its frames numbered from 1
    (gdb) fiber all bt             the same for each

The program needs a symbol table (no debug information): where fibers are stands in its table `weft_debug`, see
scheduler/observe/debug_layout.cpp. Frames need unwind tables, which compilers make by default.
"""

import struct

import gdb
import gdb.unwinder

VERSION = 1
FIELDS = """version first_runtime
    runtime_next runtime_number runtime_first_fiber
    fiber_next fiber_number fiber_context fiber_task fiber_scope fiber_wait_word fiber_waits_for fiber_wait_object
    task_name task_site
    context_saved
    kind_name kind_number_at""".split()
# Behind the saved floating-point state of a Boost.Context: the registers as they are pushed.
SAVED = ["r12", "r13", "r14", "r15", "rbx", "rbp", "rip"]
SAVED_AT = 0x10
SAVED_SIZE = 0x48
PHASE_MASK, WAITING = 3, 2
MOST_FIBERS = 10_000_000


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack("<Q", read(address, 8))[0]


def text(address):
    """The zero-terminated text at the address; None where there is none."""
    if address == 0:
        return None
    result = b""
    try:
        while len(result) < 200:
            byte = read(address + len(result), 1)
            if byte == b"\0":
                break
            result += byte
    except gdb.MemoryError:
        pass
    return result.decode(errors="replace")


class Layout:
    """The program's own table of offsets."""

    def __init__(self):
        try:
            table = int(gdb.parse_and_eval("(unsigned long)&weft_debug"))
        except gdb.error as error:
            raise gdb.GdbError(f"weft: the program has no table of fibers (is it stripped, or without weft?): {error}")
        for position, field in enumerate(FIELDS):
            setattr(self, field, word(table + 8 * position))
        if self.version != VERSION:
            raise gdb.GdbError(f"weft: this script knows version {VERSION} of the table, the program has {self.version}")


class Fiber:
    def __init__(self, layout, address, runtime):
        self.runtime = runtime
        self.number = word(address + layout.fiber_number)
        self.task = word(address + layout.fiber_task)
        self.occupied = self.task != 0 or word(address + layout.fiber_scope) != 0
        self.saved = word(word(address + layout.fiber_context) + layout.context_saved)
        self.name = self.site = None
        if self.task != 0:
            self.name = text(word(self.task + layout.task_name))
            self.site = self._site(word(self.task + layout.task_site))
        parked = word(address + layout.fiber_wait_word) & PHASE_MASK == WAITING
        self.state = "running" if self.saved == 0 else "parked" if parked else "ready"
        self.wait = self._wait(layout, address) if self.state == "parked" else ""

    @staticmethod
    def _site(place):
        """A std::source_location points to file, function, line and column."""
        if place == 0:
            return None
        line = struct.unpack("<I", read(place + 16, 4))[0]
        return f"{text(word(place))}:{line}"

    @staticmethod
    def _wait(layout, address):
        kind = word(address + layout.fiber_waits_for)
        what = word(address + layout.fiber_wait_object)
        name = text(word(kind + layout.kind_name)) or "something unknown"
        number_at = struct.unpack("<h", read(kind + layout.kind_number_at, 2))[0]
        if what != 0 and number_at >= 0:
            return f"{name} {struct.unpack('<i', read(what + number_at, 4))[0]}"
        return f"{name} {what:#x}" if what != 0 else name

    def title(self):
        quoted = f" '{self.name}'" if self.name else ""
        site = f", spawned at {self.site}" if self.site else ""
        return f"fiber {self.number}{quoted}{site}"

    def registers(self):
        """What it continues with, by name."""
        if self.saved == 0:
            raise gdb.GdbError(f"weft: {self.title()} is running: its stack is a thread's (info threads)")
        values = struct.unpack(f"<{len(SAVED)}Q", read(self.saved + SAVED_AT, 8 * len(SAVED)))
        return {**dict(zip(SAVED, values)), "rsp": self.saved + SAVED_SIZE}


def fibers():
    """All fibers that run a task, in the order of their numbers."""
    layout = Layout()
    found = []
    runtime = word(layout.first_runtime)
    while runtime != 0:
        number = struct.unpack("<I", read(runtime + layout.runtime_number, 4))[0]
        fiber = word(runtime + layout.runtime_first_fiber)
        while fiber != 0 and len(found) < MOST_FIBERS:
            found.append(Fiber(layout, fiber, number))
            fiber = word(fiber + layout.fiber_next)
        runtime = word(runtime + layout.runtime_next)
    return sorted((f for f in found if f.occupied), key=lambda f: f.number)


class StackSwitch(gdb.unwinder.Unwinder):
    """Makes a fiber the caller of the selected thread's innermost frame. No register is written, so that it works on a core file as well."""

    def __init__(self):
        super().__init__("weft fiber")
        self.registers = None  # the fiber's, while one is looked at
        self.thread_stack = None  # only the innermost frame has this stack pointer

    def __call__(self, pending_frame):
        if self.registers is None or int(pending_frame.read_register("rsp")) != self.thread_stack:
            return None
        # gdb expects callers at higher addresses.
        info = pending_frame.create_unwind_info(FrameId(self.registers["rsp"] - 16, self.registers["rip"]))
        pointer = gdb.lookup_type("long")
        for name, value in self.registers.items():
            signed = value - (1 << 64) if value >= 1 << 63 else value
            info.add_saved_register(name, gdb.Value(signed).cast(pointer))
        return info

    def run(self, registers, command):
        gdb.newest_frame().select()
        self.thread_stack = int(gdb.parse_and_eval("(long)$rsp"))
        self.registers = registers
        gdb.invalidate_cached_frames()
        try:
            gdb.newest_frame().older().select()
            return gdb.execute(command, to_string=True)
        finally:
            self.registers = None
            gdb.invalidate_cached_frames()


class FrameId:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp).cast(gdb.lookup_type("long"))
        self.pc = gdb.Value(pc).cast(gdb.lookup_type("long"))


STACK_SWITCH = StackSwitch()
gdb.unwinder.register_unwinder(None, STACK_SWITCH, replace=True)


class InfoFibers(gdb.Command):
    """Every fiber that runs a task: number, state, task, what it waits for."""

    def __init__(self):
        super().__init__("info fibers", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        found = fibers()
        for fiber in found:
            wait = f": {fiber.wait}" if fiber.wait else ""
            print(f"runtime {fiber.runtime} {fiber.title()}: {fiber.state}{wait}")
        if not found:
            print("no fiber runs a task")


class FiberCommand(gdb.Command):
    """fiber NUMBER COMMAND: runs a command on the stack of a fiber that is not running; fiber all COMMAND: on all of them."""

    def __init__(self):
        super().__init__("fiber", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.partition(" ")
        command = command.strip() or "bt"
        if which == "all":
            for fiber in fibers():
                print(f"\n{fiber.title()}: {fiber.state}")
                if fiber.saved != 0:
                    self.run(fiber, command)
            return
        chosen = [fiber for fiber in fibers() if which == str(fiber.number)]
        if not chosen:
            raise gdb.GdbError(f"weft: no fiber '{which}' runs a task; see `info fibers`")
        self.run(chosen[0], command)

    @staticmethod
    def run(fiber, command):
        output = STACK_SWITCH.run(fiber.registers(), command)
        # Frame 0 is the thread's own.
        lines = output.splitlines()
        print("\n".join(line for line in lines if not line.startswith("#0 ")))


InfoFibers()
FiberCommand()
