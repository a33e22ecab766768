"""No thread of these programs blocks its worker unnoticed, but at the places that are listed here with a reason."""

import re
import signal
import socket
import sys

from harness import HANGS, PROGRAMS, WEFT, ExecTest
from test_programs import HERE, CurlTest, PostgresTest, RedisTest, await_port, free_port

# Function or file that stands in the stack of a call, and why it may block.
ALLOWED = {
    "pthread_cond_destroy": "waits for the last waiter to leave, which is about to",
    "malloc|calloc|realloc|free|arena": "locks of the allocator, held for some instructions",
    "_IO_|fflush|fwrite|fputs|puts|vfprintf|fclose": "locks of a stream, held while it is written; its writes go to a file or terminal",
    "fread|fgets|getline": "reads of a stream, made inside the C library; here of files, where it waits for a page or for the file's lock",
    "dl_open|dl_close|dl_iterate|dlsym|_dl_": "the loader's lock",
    "libpython|_PyEval": "a futex of the interpreter that is its own",
}


class AuditTest(ExecTest):
    def words_of_audit(self, program):
        self.report = self.folder / "audit"
        return ["--workers", "2", "--audit", self.report, "--", *program]

    def audit(self, *program):
        result = self.weft(*self.words_of_audit(program))
        self.assertEqual(result.code, 0, result)
        self.assertTrue(self.report.exists(), result)
        return self.report.read_text()

    def start_audited(self, *program, **options):
        return self.start(WEFT, "exec", *self.words_of_audit(program), exec=False, **options)

    def assert_nothing_blocks_in(self, text):
        self.assertRegex(text, r"^weft exec: audit: \d+ of [1-9]\d* system calls blocked a worker")
        unexpected = [line for line in text.splitlines() if " x " in line and not re.search("|".join(ALLOWED), line)]
        self.assertEqual(unexpected, [], text)

    def assert_nothing_blocks(self, *program):
        self.assert_nothing_blocks_in(self.audit(*program))

    def end(self, server):
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(timeout=HANGS), 0)


class Audit(AuditTest):
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

    def test_a_server_with_a_thread_for_each_connection(self):
        port = free_port()
        server = self.start_audited(PROGRAMS / "echo_server", port)
        await_port(port, server)
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for word in (b"first", b"then"):
            for c in connections:
                c.sendall(word)
            for c in connections:
                self.assertEqual(c.recv(len(word), socket.MSG_WAITALL), word)
        for c in connections:
            c.close()
        self.end(server)
        self.assert_nothing_blocks_in(self.report.read_text())


class AuditOfCurl(AuditTest, CurlTest):
    def test_downloads(self):
        self.assert_nothing_blocks(*self.start_server())


class AuditOfRedis(AuditTest, RedisTest):
    def test_its_benchmark(self):
        _, port = self.start_server(exec=False)
        self.assert_nothing_blocks(*self.benchmark(port))


class AuditOfPostgres(AuditTest, PostgresTest):
    def test_its_benchmark(self):
        self.start_server()
        self.assert_nothing_blocks(*self.benchmark("-S", "-c", "8", "-j", "4", "-t", "20"))
