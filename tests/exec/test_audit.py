"""No thread of these programs blocks its worker unnoticed, but at the places that are listed here with a reason."""

import re
import sys

from harness import PROGRAMS, ExecTest
from test_programs import HERE

# Function or file that stands in the stack of a call, and why it may block.
ALLOWED = {
    "pthread_cond_destroy": "waits for the last waiter to leave, which is about to",
    "malloc|calloc|realloc|free|arena": "locks of the allocator, held for some instructions",
    "_IO_|fflush|fwrite|fputs|puts|vfprintf|fclose": "locks of a stream, held while it is written; its writes go to a file or terminal",
    "fread|fgets|getline": "reads of a stream, made inside the C library; here of files, where it waits for a page or for the file's lock",
    "dl_open|dl_close|dl_iterate|dlsym|_dl_": "the loader's lock",
    "libpython|_PyEval": "a futex of the interpreter that is its own",
}


class Audit(ExecTest):
    def audit(self, *program):
        report = self.folder / "audit"
        result = self.weft("--workers", "2", "--audit", report, "--", *program)
        self.assertEqual(result.code, 0, result)
        self.assertTrue(report.exists(), result)
        return report.read_text()

    def assert_nothing_blocks(self, *program):
        text = self.audit(*program)
        self.assertRegex(text, r"^weft exec: audit: \d+ of [1-9]\d* system calls blocked a worker")
        unexpected = [line for line in text.splitlines() if " x " in line and not re.search("|".join(ALLOWED), line)]
        self.assertEqual(unexpected, [], text)

    def test_it_sees_a_call_that_blocks(self):
        text = self.audit(PROGRAMS / "blocks")
        self.assertRegex(text, r"5 x nanosleep < .*block_unnoticed")

    def test_waiting_for_each_other(self):
        self.assert_nothing_blocks(PROGRAMS / "sync")

    def test_python(self):
        self.assert_nothing_blocks(sys.executable, HERE / "programs" / "queues.py")

    def test_python_with_sockets(self):
        self.assert_nothing_blocks(sys.executable, HERE / "programs" / "fetch.py")

    def test_compressors(self):
        (self.folder / "data").write_bytes(bytes(range(256)) * 20_000)
        self.assert_nothing_blocks("xz", "-T4", "-0", "--block-size=1MiB", "-k", "data")
        self.assert_nothing_blocks("zstd", "-T4", "-q", "data")
