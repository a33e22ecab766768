"""Whole programs of others, as their packages bring them, each with what it talks to on the loopback."""

import hashlib
import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time

from harness import PROGRAMS, ExecTest

HERE = pathlib.Path(__file__).parent


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def await_port(port, process, address="127.0.0.1"):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the server has ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex((address, port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


def own_name():
    """A name of this machine that curl has to look up, unlike `localhost`, and its address."""
    try:
        return socket.gethostname(), socket.gethostbyname(socket.gethostname())
    except OSError:
        return "localhost", "127.0.0.1"


def threads_of(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


class EchoServer(ExecTest):
    """A thread for each connection, read(2) and write(2), nothing else."""

    def test_ten_thousand_connections(self):
        limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 10_000 if most >= 10_500 else most - 500
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, most))
        port = free_port()
        server = self.start(PROGRAMS / "echo_server", port)
        await_port(port, server)
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(wanted)]
        try:
            for round in range(2):
                for i, c in enumerate(connections):
                    c.sendall(b"%d of round %d" % (i, round))
                for i, c in enumerate(connections):
                    expected = b"%d of round %d" % (i, round)
                    self.assertEqual(c.recv(len(expected), socket.MSG_WAITALL), expected)
            self.assertLess(threads_of(server), 100)
        finally:
            for c in connections:
                c.close()


class Compressors(ExecTest):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        chunk = random.Random(7).randbytes(1 << 20)
        self.data.write_bytes(b"".join(bytes([i]) * 100_000 + chunk for i in range(6)))

    def check(self, compress, decompress):
        plain = subprocess.run(compress, cwd=self.folder, capture_output=True, check=True).stdout
        under_weft = subprocess.run(self.words(compress), cwd=self.folder, capture_output=True, check=True,
                                    env=self.environment).stdout
        self.assertEqual(under_weft, plain)
        back = subprocess.run(self.words(decompress), cwd=self.folder, input=under_weft, capture_output=True, check=True,
                              env=self.environment).stdout
        self.assertEqual(hashlib.sha256(back).digest(), hashlib.sha256(self.data.read_bytes()).digest())

    def test_xz(self):
        self.check(["xz", "-T4", "-0", "--block-size=1MiB", "-k", "-c", "data"], ["xz", "-T4", "-d", "-c"])

    def test_zstd(self):
        self.check(["zstd", "-T4", "-q", "-c", "data"], ["zstd", "-d", "-q", "-c"])


class Python(ExecTest):
    def test_a_thousand_requests_from_a_pool_of_threads(self):
        result = self.run_program(sys.executable, HERE / "programs" / "fetch.py")
        self.assert_ok(result, out="1000\n")

    def test_locks_and_queues(self):
        result = self.run_program(sys.executable, HERE / "programs" / "queues.py")
        self.assert_ok(result)


class CurlTest(ExecTest):
    """Looks names up on a thread of its own."""

    def start_server(self):
        """Returns the words that fetch six files from it."""
        (self.folder / "served").mkdir()
        for i in range(6):
            (self.folder / "served" / f"{i}").write_bytes(bytes([i]) * 100_000)
        port = free_port()
        name, address = own_name()
        server = self.start(sys.executable, "-m", "http.server", port, "--bind", address, "--directory", "served",
                            exec=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(port, server, address)
        return ("curl", "-s", "-S", "--parallel", f"http://{name}:{port}/[0-5]", "-o", "#1")


class Curl(CurlTest):
    def test_parallel_downloads(self):
        result = self.run_program(*self.start_server())
        self.assertEqual(result.code, 0, result)
        for i in range(6):
            self.assertEqual((self.folder / f"{i}").read_bytes(), bytes([i]) * 100_000)


class RedisTest(ExecTest):
    def start_server(self, *flags, exec):
        port = free_port()
        server = self.start("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                            "--dir", self.folder, *flags, exec=exec, stdout=subprocess.DEVNULL)
        await_port(port, server)
        return server, port

    @staticmethod
    def benchmark(port):
        return ("redis-benchmark", "-p", port, "--threads", "4", "-n", "4000", "-c", "40", "-t", "set,get", "-q")


class Redis(RedisTest):
    def test_its_benchmark_with_threads(self):
        _, port = self.start_server(exec=False)
        result = self.run_program(*self.benchmark(port))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(len(re.findall(r"(?:SET|GET): [0-9.]+ requests per second", result.out)), 2, result)

    def test_its_server_with_threads_for_io(self):
        server, port = self.start_server("--io-threads", "2", "--io-threads-do-reads", "yes", exec=True)
        with socket.create_connection(("127.0.0.1", port)) as c:
            stream = c.makefile("rwb")
            for i in range(50):
                stream.write(b"".join(b"SET key%d %d\r\n" % (k, k * i) for k in range(20)))
                stream.flush()
                for _ in range(20):
                    self.assertEqual(stream.readline(), b"+OK\r\n")
            stream.write(b"GET key7\r\n")
            stream.flush()
            self.assertEqual((stream.readline(), stream.readline()), (b"$3\r\n", b"343\r\n"))
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(timeout=60), 0)


class PostgresTest(ExecTest):
    """A server in a directory of its own, without weft, and pgbench's tables in it."""

    def as_server(self, *words):
        """PostgreSQL does not run as root."""
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        newest = max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda p: int(p.name))
        return [*user, str(newest / "bin" / words[0]), *map(str, words[1:])]

    def start_server(self):
        port = free_port()
        self.folder.chmod(0o777)
        data = self.folder / "data"
        subprocess.run(self.as_server("initdb", "--no-sync", "--auth=trust", "--username=weft", "-D", data), check=True,
                       capture_output=True, env=self.environment, cwd=self.folder)
        server = self.start(*self.as_server("postgres", "-D", data, "-k", self.folder, "-h", "127.0.0.1", "-p", port,
                                            "-c", "fsync=off", "-c", "shared_buffers=16MB"),
                            exec=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.send_signal, signal.SIGINT)
        await_port(port, server)
        self.connection = ("-h", "127.0.0.1", "-p", port, "-U", "weft")
        ready = [*map(str, ("pg_isready", *self.connection, "-q"))]
        while subprocess.run(ready, check=False).returncode != 0:
            time.sleep(0.02)
        subprocess.run([*map(str, ("pgbench", *self.connection, "-i", "-q", "postgres"))], check=True,
                       capture_output=True, cwd=self.folder)

    def benchmark(self, *flags):
        return ("pgbench", *self.connection, "-n", *flags, "postgres")


class Postgres(PostgresTest):
    def test_its_benchmark_with_threads(self):
        self.start_server()
        for flags in (("-S", "-c", "16", "-j", "8", "-t", "50"), ("-c", "8", "-j", "4", "-t", "20", "-M", "prepared")):
            result = self.run_program(*self.benchmark(*flags))
            self.assertEqual(result.code, 0, result)
            done = int(flags[flags.index("-c") + 1]) * int(flags[flags.index("-t") + 1])
            self.assertIn(f"number of transactions actually processed: {done}/{done}", result.out, result)
            self.assertIn("number of failed transactions: 0 ", result.out, result)
