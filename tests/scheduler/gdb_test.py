#!/usr/bin/env python3
"""gdb_test.py GDB SCRIPT PROGRAM: the gdb script on a live process, and on a core file of it."""

import pathlib
import re
import resource
import subprocess
import sys
import tempfile

GDB, SCRIPT, PROGRAM = sys.argv[1:4]


def gdb(*commands, files=()):
    arguments = [GDB, "--nx", "--batch", "-iex", "set debuginfod enabled off", "-ex", f"source {SCRIPT}"]
    for command in commands:
        arguments += ["-ex", command]
    done = subprocess.run([*arguments, *files], capture_output=True, text=True, timeout=100, check=False)
    return done.stdout + done.stderr


def expect(pattern, output):
    match = re.search(pattern, output)
    if not match:
        sys.exit(f"expected {pattern!r} in:\n{output}")
    return match


def check(output):
    """What `info fibers` and `fiber all bt` have printed."""
    expect(r"runtime 1 fiber \d+ 'thirsty', spawned at tests/scheduler/gdb_program.cpp:\d+: parked: something unnamed", output)
    expect(r"fiber \d+ 'sleeper', spawned at .*: parked: sleep", output)
    expect(r"fiber \d+ 'root', spawned at .*: running", output)
    stack = expect(r"(?s)\nfiber \d+ 'thirsty'[^\n]*: parked\n(#1 .*?)\n\n", output + "\n\n").group(1)
    if len(re.findall("wait_at_the_well", stack)) < 2:
        sys.exit(f"expected a recursion in this stack:\n{stack}\nof:\n{output}")
    expect(r"gate::pass|worker::park", stack)


def core_of_kernel(folder):
    """The core that the kernel writes, if /proc/sys/kernel/core_pattern has it write a file here. It is the better one: on Linux 6.13 and
    later gdb cannot read across the guards of fiber stacks, and leaves the stacks out of its own."""

    def allow_core():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    subprocess.run([PROGRAM], cwd=folder, preexec_fn=allow_core, timeout=100, check=False)
    cores = [path for path in pathlib.Path(folder).iterdir() if path.name != "core-by-gdb"]
    return cores[0] if cores else None


def main():
    looks = ["info fibers", "fiber all bt"]
    with tempfile.TemporaryDirectory() as folder:
        core = pathlib.Path(folder) / "core-by-gdb"
        live = gdb("set pagination off", "run", *looks, f"generate-core-file {core}", "bt 1", "signal 0", files=[PROGRAM])
        check(live)
        expect("finished", live)
        core = core_of_kernel(folder) or core
        dead = gdb(*looks, "bt 1", files=[PROGRAM, str(core)])
        check(dead)
        number = expect(r"fiber (\d+) 'thirsty'", dead).group(1)
        running = expect(r"fiber (\d+) 'root'", dead).group(1)
        one = gdb(f"fiber {number} bt 2", f"fiber {running} bt", "fiber 999999 bt", files=[PROGRAM, str(core)])
        expect(r"#1 ", one)
        expect(r"weft: fiber \d+ 'root', .* is running", one)
        expect(r"no fiber '999999' runs a task", one)
    print("live process and core file: fibers and their stacks are there")


main()
