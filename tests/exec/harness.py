"""Runs programs under `weft exec` as a user would and looks at what comes out."""

import os
import pathlib
import subprocess
import tempfile
import unittest

WEFT = os.environ["WEFT_PROGRAM"]
PROGRAMS = pathlib.Path(os.environ["WEFT_TEST_PROGRAMS"])
WORKERS = os.environ.get("WEFT_TEST_WORKERS", "2")
ENGINE = os.environ.get("WEFT_TEST_ENGINE", "auto")

# Ends a test that hangs; nothing here takes so long.
HANGS = 120


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class ExecTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weft-exec-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = dict(os.environ)
        for name in ("WEFT_IO", "WEFT_EXEC_WORKERS", "LD_PRELOAD"):
            self.environment.pop(name, None)

    def words(self, program):
        return [WEFT, "exec", "--workers", WORKERS, "--io", ENGINE, "--", *map(str, program)]

    def weft(self, *arguments, env=None):
        done = subprocess.run(
            [WEFT, "exec", *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=HANGS,
            env=dict(self.environment, **(env or {})), cwd=self.folder)
        return Result(done.returncode, done.stdout, done.stderr)

    def run_program(self, *program, input=None, timeout=HANGS):
        done = subprocess.run(self.words(program), input=input, capture_output=True, timeout=timeout,
                              env=self.environment, cwd=self.folder)
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def start(self, *program, exec=True, **options):
        """A process that the test's end ends."""
        words = self.words(program) if exec else [*map(str, program)]
        process = subprocess.Popen(words, env=self.environment, cwd=self.folder, **options)
        self.addCleanup(self.finish, process)
        return process

    def finish(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=HANGS)

    def assert_ok(self, result, out="ok\n"):
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, out, result)
        self.assertEqual(result.err, "", result)
