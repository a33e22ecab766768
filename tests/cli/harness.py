"""Runs the program `weft` as a user would and looks at what comes out."""

import ctypes
import os
import pathlib
import select
import struct
import subprocess
import tempfile
import unittest

WEFT = os.environ["WEFT_PROGRAM"]
GUESTS = pathlib.Path(os.environ["WEFT_TEST_GUESTS"])
SAMPLES = pathlib.Path(os.environ["WEFT_SAMPLE_GUESTS"])

# Nothing here takes seconds; this only ends a test that hangs.
HANGS = 120


def guest(name):
    for folder in (GUESTS, SAMPLES):
        path = folder / f"{name}.wasm"
        if path.exists():
            return str(path)
    raise FileNotFoundError(f"the build made no guest {name}.wasm")


def forbid_io_uring():
    """For a child process: io_uring_setup(2) answers EPERM, as under a container's seccomp profile."""
    libc = ctypes.CDLL(None, use_errno=True)
    io_uring_setup, eperm = 425, 1
    load_number, jump_if_equal, answer = 0x20, 0x15, 0x06
    deny, allow = 0x00050000 | eperm, 0x7FFF0000
    rules = [(load_number, 0, 0, 0), (jump_if_equal, 0, 1, io_uring_setup), (answer, 0, 0, deny), (answer, 0, 0, allow)]
    program = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code))
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0 or libc.prctl(set_seccomp, filter_mode, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot set a seccomp filter")


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class WeftTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weft-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = dict(os.environ, WEFT_CACHE_DIR=os.environ["WEFT_TEST_CACHE"])
        self.environment.pop("WEFT_LOG", None)
        self.environment.pop("WEFT_IO", None)

    def weft(self, *arguments, input="", env=None, before=None):
        done = subprocess.run(
            [WEFT, *map(str, arguments)], input=input, capture_output=True, text=True, errors="replace", timeout=HANGS,
            env=dict(self.environment, **(env or {})), cwd=self.folder, preexec_fn=before)
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments, **options):
        process = subprocess.Popen(
            [WEFT, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment, cwd=self.folder, **options)
        self.addCleanup(self.finish, process)
        return process

    def finish(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=HANGS)

    def read_line(self, process):
        ready, _, _ = select.select([process.stdout], [], [], HANGS)
        self.assertTrue(ready, "the guest printed nothing")
        return process.stdout.readline().decode()

    def assert_one_line(self, result, code, *patterns):
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.assertTrue(result.err.startswith("weft: "), result)
        for pattern in patterns:
            self.assertRegex(result.err, pattern, result)
