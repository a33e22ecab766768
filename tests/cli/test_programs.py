"""Large programs that others have built, run as a user would: CPython and esbuild. Each is compiled once; its second start takes the code from
the cache, which the log tells, so no clock decides."""

import hashlib
import json
import pathlib
import subprocess
import tempfile

from harness import WeftTest

FETCH = pathlib.Path(__file__).parent / "fetch_programs"


class Programs(WeftTest):
    @classmethod
    def setUpClass(cls):
        fetched = subprocess.run([FETCH], capture_output=True, text=True)
        if fetched.returncode != 0:
            raise AssertionError(f"the programs are not there; ./dev setup fetches them: {fetched.stderr}")
        cls.programs = pathlib.Path(fetched.stdout.strip())
        # Each class starts without compiled code.
        folder = tempfile.TemporaryDirectory(prefix="weft-programs-")
        cls.addClassCleanup(folder.cleanup)
        cls.cache = folder.name

    def run_program(self, name, *arguments, flags=(), input=""):
        return self.weft("run", *flags, self.programs / name, *arguments, input=input,
                         env={"WEFT_CACHE_DIR": self.cache, "WEFT_LOG": "debug"})

    def assert_compiled_once(self, runs):
        self.assertIn("compiled", runs[0].err)
        for later in runs[1:]:
            self.assertIn("from the cache", later.err)
            self.assertNotIn(", compiled", later.err)


class CPython(Programs):
    SCRIPT = """
import hashlib, json, pathlib, re, sys
words = re.findall(r"[a-z]+", sys.stdin.read())
pathlib.Path("/data/answer.json").write_text(json.dumps({"words": len(words), "hash": hashlib.sha256(" ".join(words).encode()).hexdigest()}))
print(sys.version_info[:2], sum(n * n for n in range(100000)))
sys.exit(3)
"""

    def test_a_script_reads_computes_and_writes(self):
        (self.folder / "script.py").write_text(self.SCRIPT)
        runs = [self.run_program("python.wasm", "/data/script.py", flags=["--dir", f"{self.folder}::/data"], input="the cat and the hat")
                for _ in range(2)]
        for result in runs:
            self.assertEqual(result.code, 3, result)
            self.assertEqual(result.out, "(3, 12) 333328333350000\n", result)
        words = {"words": 5, "hash": hashlib.sha256(b"the cat and the hat").hexdigest()}
        self.assertEqual(json.loads((self.folder / "answer.json").read_text()), words)
        self.assert_compiled_once(runs)
        failing = self.run_program("python.wasm", "-c", "import socket; open('/etc/passwd')")
        self.assertEqual(failing.code, 1, failing)
        self.assertIn("Error", failing.err)


class Esbuild(Programs):
    def test_a_bundle_of_two_files(self):
        (self.folder / "sum.ts").write_text("export const sum = (...values: number[]): number => values.reduce((a, b) => a + b, 0);\n")
        (self.folder / "main.ts").write_text('import { sum } from "./sum";\nconsole.log(sum(1, 2, 3));\n')
        runs = [self.run_program("esbuild.wasm", "main.ts", "--bundle", "--minify", "--outfile=out.js",
                                 flags=["--dir", f"{self.folder}::/", "--env", "PWD=/"]) for _ in range(2)]
        for result in runs:
            self.assertEqual(result.code, 0, result)
        bundle = (self.folder / "out.js").read_text()
        self.assertIn("console.log(", bundle)
        self.assertNotIn("number[]", bundle)
        self.assert_compiled_once(runs)
