"""`weft run` with guests that behave."""

import json
import os
import re

from harness import WeftTest, forbid_io_uring, guest


class Running(WeftTest):
    def test_exit_code_is_the_guests(self):
        for code in (0, 1, 3, 42, 125):
            self.assertEqual(self.weft("run", guest("exit_with"), code).code, code)
        self.assertEqual(self.weft("run", guest("exit_with")).code, 0)

    def test_flags_after_the_module_are_the_guests(self):
        result = self.weft("run", guest("show"), "--env", "A=1", "--help", "-x", "--", "last")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(
            result.out.splitlines(),
            [f"argument {a}" for a in ("--env", "A=1", "--help", "-x", "--", "last")], result)

    def test_two_dashes_before_the_module_end_the_flags(self):
        result = self.weft("run", "--", guest("show"), "one")
        self.assertEqual((result.code, result.out), (0, "argument one\n"), result)

    def test_environment_is_empty_unless_granted(self):
        self.assertEqual(self.weft("run", guest("show"), env={"SECRET": "x"}).out, "")
        result = self.weft("run", "--env", "A=1", "--env", "B=x=y", "--env", "TAKEN", "--env", "EMPTY=", guest("show"),
                           env={"TAKEN": "from outside"})
        self.assertEqual(sorted(result.out.splitlines()),
                         ["variable A=1", "variable B=x=y", "variable EMPTY=", "variable TAKEN=from outside"], result)

    def test_piped_input_reaches_the_guest(self):
        text = "".join(f"line {i}\n" for i in range(20000))
        result = self.weft("run", guest("cat"), input=text)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.out, text)

    def test_files_beneath_a_granted_directory(self):
        (self.folder / "in").mkdir()
        (self.folder / "in" / "abc").write_text("abc")
        for flags, name in ((["--dir", "in"], "in/abc"), (["--dir", "in::/data:ro"], "/data/abc"), (["--dir", "."], "in/abc")):
            result = self.weft("run", *flags, guest("hashfiles"), name)
            self.assertEqual(result.code, 0, result)
            self.assertEqual(
                result.out, f"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  {name}\n", result)

    def test_writing_in_a_granted_directory(self):
        result = self.weft("run", "--dir", f"{self.folder}::/out", guest("write_file"), "/out/new")
        self.assertEqual(result.code, 0, result)
        self.assertEqual((self.folder / "new").read_text(), "written by a guest\n")

    def test_without_io_uring_guests_run_all_the_same(self):
        text = "".join(f"line {i}\n" for i in range(2000))
        result = self.weft("run", "--log", "info", guest("cat"), input=text, before=forbid_io_uring)
        self.assertEqual((result.code, result.out), (0, text), result)
        self.assertRegex(result.err, "I/O engine: epoll: .*cannot have an io_uring")

    def test_workers_do_not_change_results(self):
        for workers in (1, 2, 4):
            result = self.weft("run", "--workers", workers, "--copies", 8, guest("sieve"), 100000)
            self.assertEqual((result.code, result.out), (0, "9592\n" * 8), result)

    def test_a_reader_that_goes_away_does_not_kill_the_guest_silently(self):
        process = self.start("run", guest("cat"))
        process.stdout.close()
        process.stdout = None
        process.stdin.write(b"x\n")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(process.wait(timeout=120), 1)


class Copies(WeftTest):
    def test_lines_of_copies_are_whole(self):
        copies, lines = 24, 40
        for workers in (1, 2, 4):
            result = self.weft("run", "--copies", copies, "--workers", workers, guest("pieces"), lines)
            self.assertEqual(result.code, 0, result.err)
            expected = ["".join(f"<{c}/{i}/{part}>" for part in range(4)) for c in range(copies) for i in range(lines)]
            self.assertEqual(sorted(result.out.splitlines()), sorted(expected))

    def test_each_copys_lines_stay_in_order(self):
        result = self.weft("run", "--copies", 8, guest("pieces"), 50)
        for copy in range(8):
            numbers = [int(n) for n in re.findall(rf"^<{copy}/(\d+)/0>", result.out, re.MULTILINE)]
            self.assertEqual(numbers, list(range(50)))

    def test_a_last_line_without_newline_stays_a_line(self):
        result = self.weft("run", "--copies", 3, guest("cat"), input="no newline")
        self.assertEqual((result.code, result.out), (0, "no newline\n"), result)

    def test_copies_fail_alone(self):
        result = self.weft("run", "--copies", 8, guest("copies_differ"))
        self.assertEqual(result.code, 3, result)  # the first copy that did not end with 0
        self.assertEqual(sorted(result.out.splitlines()), [f"copy {i} is well" for i in (0, 1, 3, 5, 7)], result)
        self.assertRegex(result.err, r"weft: copy 4: .*unreachable", result)

    def test_many_copies(self):
        result = self.weft("run", "--copies", 300, guest("hello"))
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.out.count("hello from a guest\n"), 300)
        self.assertEqual(sorted(int(n) for n in re.findall(r"this is copy (\d+)", result.out)), list(range(300)))


class Reports(WeftTest):
    def test_statistics(self):
        result = self.weft("run", "--stats", "--workers", 2, "--copies", 4, guest("sleeper"), 3, 1)
        self.assertEqual(result.code, 0, result)
        for row in ("time", "workers", "switches", "tasks stolen", "fibers stolen", "ring operations"):
            self.assertRegex(result.err, rf"(?m)^\s*{row}\s+\S", result)

    def test_one_compiled_guest_has_one_worker(self):
        def workers(*flags):
            return json.loads(self.weft("run", "--json", *flags, guest("hello")).err.splitlines()[-1])["workers"]

        self.weft("run", guest("hello"))  # compiled from here on
        self.assertEqual(workers(), 1)
        self.assertEqual(workers("--workers", 3), 3)
        self.assertLessEqual(workers("--copies", 2), len(os.sched_getaffinity(0)))

    def test_json(self):
        result = self.weft("run", "--json", "--workers", 2, "--copies", 3, guest("copies_differ"))
        report = json.loads(result.err.splitlines()[-1])
        self.assertEqual(report["exit_code"], 3)
        self.assertEqual([c["exit_code"] for c in report["copies"]], [0, 0, 3])
        self.assertEqual([c["ended"] for c in report["copies"]], ["exited"] * 3)
        self.assertEqual(report["workers"], 2)
        self.assertGreater(report["seconds"], 0)
        self.assertGreater(report["cpu_seconds"], 0)
        self.assertEqual(report["bytes_written"], sum(c["bytes_written"] for c in report["copies"]))
        self.assertEqual(report["bytes_written"], len(result.out))
        for counter in ("switches", "tasks_stolen", "fibers_stolen", "ring_operations"):
            self.assertIsInstance(report[counter], int)

    def test_trace(self):
        copies, workers = 6, 2
        result = self.weft("run", "--trace", "out.json", "--workers", workers, "--copies", copies, guest("sleeper"), 3, 1)
        self.assertEqual(result.code, 0, result)
        trace = json.loads((self.folder / "out.json").read_text())
        self.assertEqual(trace["otherData"], {"runtime": "weft", "events_lost": 0})
        events = trace["traceEvents"]
        rows = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
        for worker in range(workers):
            self.assertEqual(rows[worker], f"weft-{worker}")
        slices = [e for e in events if e["ph"] == "X"]
        self.assertGreaterEqual(sum(e["name"] == "guest" for e in slices), copies)
        self.assertIn("root", {e["name"] for e in slices})
        for row in rows:
            until = 0
            for e in (e for e in slices if e["tid"] == row):
                self.assertGreaterEqual(e["ts"], until - 0.0015, e)  # both are cut to nanoseconds
                until = e["ts"] + e["dur"]

    def test_log(self):
        quiet = self.weft("run", guest("hello"))
        self.assertEqual(quiet.err, "")
        talkative = self.weft("run", "--log", "debug", guest("hello"))
        self.assertIn(" debug ", talkative.err)
        by_environment = self.weft("run", guest("hello"), env={"WEFT_LOG": "debug"})
        self.assertIn(" debug ", by_environment.err)


class Help(WeftTest):
    def test_version(self):
        result = self.weft("--version")
        self.assertEqual(result.code, 0)
        self.assertRegex(result.out, r"^weft \d+\.\d+\.\d+\n$")

    def test_help_has_examples_and_every_flag(self):
        result = self.weft("run", "--help")
        self.assertEqual(result.code, 0)
        for flag in ("--dir", "--env", "--copies", "--workers", "--timeout", "--memory", "--stats", "--json", "--trace", "--log"):
            self.assertIn(flag, result.out)
        self.assertIn("weft run hello.wasm", result.out)
        self.assertIn("weft run", self.weft("--help").out)

    def test_the_flags_are_documented(self):
        with open(os.environ["WEFT_COMMAND_LINE_DOC"], encoding="utf-8") as file:
            text = file.read()
        for flag in re.findall(r"--[a-z]+", self.weft("run", "--help").out):
            self.assertIn(flag, text)
