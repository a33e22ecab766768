"""`weft run` with guests, files and flags that are wrong: a clear end each."""

import json
import os
import pathlib
import random
import signal

from harness import WeftTest, forbid_io_uring, guest


class BadInput(WeftTest):
    def test_usage(self):
        self.assert_one_line(self.weft(), 2, "command")
        self.assert_one_line(self.weft("run"), 2, "module")
        self.assert_one_line(self.weft("frobnicate"), 2, "frobnicate")
        self.assert_one_line(self.weft("run", "--frobnicate", guest("hello")), 2, "--frobnicate")
        self.assert_one_line(self.weft("--frobnicate"), 2, "--frobnicate")
        self.assert_one_line(self.weft("run", "--copies"), 2, "--copies")

    def test_values_that_make_no_sense(self):
        for flag, value, said in (
                ("--copies", "0", "--copies"), ("--copies", "many", "many"), ("--copies", "-1", "--copies"),
                ("--workers", "x", "x"), ("--workers", "100000", "256"), ("--timeout", "soon", "soon"),
                ("--timeout", "0", "duration"), ("--timeout", "-1s", "duration"), ("--memory", "lots", "lots"),
                ("--memory", "0", "size"), ("--env", "=x", "NAME=VALUE"), ("--env", "NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE"),
                ("--dir", "::/x", "HOST::GUEST"), ("--dir", "/no/such/folder", "/no/such/folder"),
                ("--cpu-time", "much", "--cpu-time.*much"), ("--wall-time", "0", "--wall-time"),
                ("--max-output", "x", "--max-output"), ("--max-descriptors", "0", "--max-descriptors.*65536"),
                ("--max-table-elements", "-1", "--max-table-elements"), ("--stack", "1G", "--stack.*256M"),
                ("--compiler", "gcc", "--compiler.*gcc"), ("--log", "loud", "loud"), ("--trace", "/no/such/folder/out.json", "trace: cannot write .*No such file")):
            with self.subTest(flag=flag, value=value):
                self.assert_one_line(self.weft("run", flag, value, guest("hello")), 2, said)

    def test_a_granted_directory_that_is_a_file(self):
        (self.folder / "file").write_text("")
        self.assert_one_line(self.weft("run", "--dir", "file", guest("hello")), 2, "file", "not a directory")

    def test_missing_file(self):
        self.assert_one_line(self.weft("run", "nowhere.wasm"), 2, "nowhere.wasm", "[Nn]o such file")

    def test_a_directory_is_no_module(self):
        self.assert_one_line(self.weft("run", self.folder), 2, "directory")

    def test_not_wasm(self):
        for name, content in (("text", b"#!/bin/sh\necho hello\n"), ("empty", b""), ("elf", pathlib.Path("/proc/self/exe").read_bytes()[:4096])):
            with self.subTest(name=name):
                path = self.folder / name
                path.write_bytes(content)
                self.assert_one_line(self.weft("run", path), 2, name)

    def test_truncated(self):
        whole = pathlib.Path(guest("hello")).read_bytes()
        path = self.folder / "cut.wasm"
        for size in (4, 8, 9, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            with self.subTest(size=size):
                path.write_bytes(whole[:size])
                self.assert_one_line(self.weft("run", path), 2, "cut.wasm")

    def test_random_bytes(self):
        seed = int(os.environ.get("WEFT_TEST_SEED", "1"))
        print(f"random bytes: WEFT_TEST_SEED={seed}")
        generator = random.Random(seed)
        path = self.folder / "noise.wasm"
        for _ in range(20):
            path.write_bytes(b"\0asm\1\0\0\0" + generator.randbytes(generator.randrange(1, 2000)))
            self.assert_one_line(self.weft("run", path), 2, "noise.wasm")

    def test_missing_import(self):
        for copies in (1, 5):
            self.assert_one_line(self.weft("run", "--copies", copies, guest("missing_import")), 2, "orchard", "pick_apple")

    def test_no_program(self):
        path = self.folder / "library.wasm"
        path.write_bytes(b"\0asm\1\0\0\0")  # a valid module with nothing in it
        self.assert_one_line(self.weft("run", "--copies", 3, path), 2, "library.wasm", "_start")


class Traps(WeftTest):
    def test_a_trap_has_a_reason_and_a_backtrace_with_names(self):
        result = self.weft("run", guest("fall"))
        self.assertEqual(result.code, 134, result)
        self.assertEqual(result.out, "walking\n", result)
        self.assertIn("unreachable", result.err)
        first, second = result.err.find("step_off_the_edge"), result.err.find("walk_on")
        self.assertGreater(first, 0, result)
        self.assertGreater(second, first, result)

    def test_endless_recursion(self):
        result = self.weft("run", guest("recurse"))
        self.assertEqual(result.code, 134, result)
        self.assertIn("call stack exhausted", result.err, result)

    def test_a_deep_backtrace_stays_readable(self):
        self.assertLess(len(self.weft("run", guest("recurse")).err.splitlines()), 80)


class Limits(WeftTest):
    def test_timeout_ends_a_guest_that_never_returns(self):
        for name in ("hog", "announce_then_read"):
            with self.subTest(name=name):
                process = self.start("run", "--timeout", "300ms", guest(name))
                out, err = process.communicate(timeout=120) if name == "hog" else (None, None)
                if name != "hog":
                    process.wait(timeout=120)  # its standard input stays open
                    err = process.stderr.read()
                self.assertEqual(process.returncode, 124)
                self.assertRegex(err.decode(), r"^weft: .*300 ms.*--timeout")
                self.assertEqual(len(err.splitlines()), 1)

    def test_timeout_ends_all_copies(self):
        result = self.weft("run", "--timeout", "300ms", "--copies", 6, "--workers", 2, guest("hog"))
        self.assertEqual(result.code, 124, result)
        self.assertLessEqual(set(result.out.splitlines()), {"spinning"}, result)

    def test_timeout_does_not_touch_a_guest_that_is_quick(self):
        self.assertEqual(self.weft("run", "--timeout", "1h", guest("exit_with"), 9).code, 9)

    def test_memory(self):
        result = self.weft("run", "--memory", "16M", guest("grow"))
        self.assertEqual(result.code, 134, result)
        self.assertRegex(result.err, r"weft: .*16 MiB.*--memory", result)

    def assert_limit(self, result, *patterns):
        self.assertEqual(result.code, 134, result)
        for pattern in patterns:
            self.assertRegex(result.err.splitlines()[0], pattern, result)

    def test_every_limit_says_how_to_raise_it(self):
        self.assert_limit(self.weft("run", "--cpu-time", "50ms", guest("take"), "time"), "CPU time.*0.05 s.*--cpu-time")
        self.assert_limit(self.weft("run", "--wall-time", "50ms", guest("take"), "time"), "longer.*0.05 s.*--wall-time")
        self.assert_limit(self.weft("run", "--max-output", "1K", guest("take"), "output"), "1 KiB.*--max-output")
        self.assert_limit(self.weft("run", "--dir", ".", "--max-descriptors", "9", guest("take"), "descriptors"),
                          "9.*--max-descriptors")
        self.assert_limit(self.weft("run", "--stack", "64K", guest("recurse")), "--stack")
        self.assert_limit(self.weft("run", "--max-table-elements", "1", guest("show")), "1.*--max-table-elements")

    def test_output_up_to_the_limit_is_there(self):
        result = self.weft("run", "--max-output", "100", guest("take"), "output")
        self.assertEqual(result.out, "a line\n" * 14)

    def test_a_waiting_guest_uses_no_cpu_time(self):
        result = self.weft("run", "--cpu-time", "200ms", "--json", guest("sleeper"), 1, 400)
        self.assertEqual(result.code, 0, result)
        report = json.loads(result.err.splitlines()[-1])
        self.assertGreater(report["cpu_seconds"], 0)
        self.assertLess(report["cpu_seconds"], 0.2)
        self.assertGreaterEqual(report["seconds"], 0.4)

    def test_memory_is_a_copys_own(self):
        result = self.weft("run", "--memory", "16M", "--copies", 3, guest("hello"))
        self.assertEqual(result.code, 0, result)


class Sandbox(WeftTest):
    def setUp(self):
        super().setUp()
        (self.folder / "box").mkdir()
        (self.folder / "outside").mkdir()
        (self.folder / "box" / "link").symlink_to("../outside")
        (self.folder / "box" / "absolute").symlink_to(self.folder / "outside")
        (self.folder / "box" / "file").symlink_to(self.folder / "outside" / "through-link")

    def outside(self):
        return sorted(os.listdir(self.folder / "outside")) + sorted(
            set(os.listdir(self.folder)) - {"box", "outside"})

    def test_ways_out_are_refused(self):
        escapes = ["/box/../outside/a", "/box/../../outside/a", "/box/x/../../outside/a", str(self.folder / "outside" / "a"),
                   "/box/link/a", "/box/absolute/a", "/box/file", "../outside/a", "/etc/weft-test"]
        for path in escapes:
            with self.subTest(path=path):
                result = self.weft("run", "--dir", "box::/box", guest("write_file"), path)
                self.assertEqual(result.code, 1, result)
                self.assertIn(": refused: ", result.out, result)
        self.assertEqual(self.outside(), [])

    def test_other_copies_are_unharmed(self):
        result = self.weft("run", "--dir", "box::/box", "--copies", 8, guest("copies_differ"))
        self.assertEqual(len(result.out.splitlines()), 5, result)
        self.assertEqual(self.outside(), [])

    def test_read_only(self):
        result = self.weft("run", "--dir", "box::/box:ro", guest("write_file"), "/box/new")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(sorted(os.listdir(self.folder / "box")), ["absolute", "file", "link"])

    def test_nothing_is_granted_by_default(self):
        result = self.weft("run", guest("write_file"), "/new", "new", "/etc/weft-cli-test-new")
        self.assertEqual(result.out.count(": refused: "), 3, result)


class Signals(WeftTest):
    def run_until_signal(self, number, name, *flags):
        process = self.start("run", *flags, guest(name))
        self.assertIn(self.read_line(process), ("spinning\n", "reading\n"))
        process.send_signal(number)
        self.assertEqual(process.wait(timeout=120), 128 + number)
        err = process.stderr.read().decode()
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertRegex(err, f"^weft: .*{signal.Signals(number).name}")

    def test_ctrl_c(self):
        for name in ("hog", "announce_then_read"):
            self.run_until_signal(signal.SIGINT, name)

    def test_terminate(self):
        for name in ("hog", "announce_then_read"):
            self.run_until_signal(signal.SIGTERM, name)

    def test_ctrl_c_ends_all_copies(self):
        self.run_until_signal(signal.SIGINT, "hog", "--copies", "5")

    def test_quit_shows_what_every_fiber_does_and_goes_on(self):
        process = self.start("run", "--copies", "2", guest("announce_then_read"))
        self.read_line(process)
        for _ in range(2):
            process.send_signal(signal.SIGQUIT)
            line = ""
            while line != "weft: 1 runtime\n":
                line = process.stderr.readline().decode()
                self.assertTrue(line, "it has ended")
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdin.close()
        process.stdin = None
        rest = process.stderr.read().decode()
        self.assertRegex(rest, r"fiber \d+ 'guest', spawned at .*: parked for")
        process.wait(timeout=120)

    def test_an_ignored_interrupt_stays_ignored(self):
        process = self.start("run", guest("announce_then_read"),
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        self.read_line(process)
        process.send_signal(signal.SIGINT)
        process.stdin.write(b"x")
        process.stdin.flush()
        self.assertEqual(process.wait(timeout=120), 0)


class Host(WeftTest):
    def test_without_io_uring_who_insists_is_told_cause_and_remedy(self):
        result = self.weft("run", guest("hello"), env={"WEFT_IO": "uring"}, before=forbid_io_uring)
        self.assert_one_line(result, 125, "io_uring", "seccomp|io_uring_disabled")

    def test_an_engine_that_does_not_exist_is_refused(self):
        result = self.weft("run", guest("hello"), env={"WEFT_IO": "iocp"})
        self.assert_one_line(result, 125, "WEFT_IO is 'iocp'", "auto, uring or epoll")

    def test_a_cache_that_cannot_be_written_is_no_error(self):
        result = self.weft("run", guest("hello"), env={"WEFT_CACHE_DIR": "/proc/weft-test"})
        self.assertEqual((result.code, result.out), (0, "hello from a guest\n"), result)
