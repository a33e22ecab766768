"""Tests of the runner, with small scripts in place of benchmark programs."""

import contextlib
import io
import json
import pathlib
import stat
import sys
import tempfile
import types
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from runner import gates, measure, programs, report, workloads  # noqa: E402


def workload(name="switch", unit="ns", workers=(1,), speedup=False):
    return workloads.Workload("scheduler", name, unit, tuple(workers), 1000, speedup, "")


def program(name, command=("true",), of=("switch",)):
    suite = "scheduler" if name == programs.OURS else ""
    return programs.Program(name, tuple(command), "1.0", frozenset(of), suite)


def results(entries, **kinds):
    """Results from {(program, workers): [values]}."""
    found = measure.Results()
    names = list(dict.fromkeys(name for name, _ in entries))
    for workers in sorted({count for _, count in entries}):
        cell = measure.Cell(
            workload(workers=(workers,), **kinds), workers, tuple(program(n) for n in names if (n, workers) in entries)
        )
        found.cells.append(cell)
        for p in cell.programs:
            values = entries[(p.name, workers)]
            found.add(measure.Series(cell, p, list(values), [3.5] * len(values)))
    return found


class Quiet:
    """A progress line that nobody sees."""

    def say(self, text):
        pass

    def measuring(self, *_):
        pass

    def clear(self):
        pass


class WithScripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def script(self, name, body):
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def answering(self, name, value):
        line = f'{{"workload": "$1", "unit": "ns", "value": {value}, "peak_rss_mb": 2.5}}'.replace('"', '\\"')
        log = self.folder / "log"
        return program(name, [self.script(name, f'echo {name} "$@" >> {log}\necho "{line}"\n')])

    def run_one(self, *having, reps=3, **settings):
        cells = measure.plan([workload()], list(having))
        return measure.run(cells, measure.Settings(reps=reps, **settings), Quiet())


class Measuring(WithScripts):
    def test_a_repetition_of_each_in_turn(self):
        found = self.run_one(self.answering("go", 50), self.answering("weft", 20))
        order = [line.split()[0] for line in (self.folder / "log").read_text().splitlines()]
        self.assertEqual(order, ["weft", "go"] * 3)
        self.assertEqual((self.folder / "log").read_text().splitlines()[0], "weft switch 1 1000")
        ours = found.find("scheduler", "switch", 1, "weft")
        self.assertEqual((ours.values, ours.min, ours.median, ours.peak_rss_mb), ([20.0] * 3, 20.0, 20.0, 2.5))

    def test_a_suite_that_is_not_built_is_left_out(self):
        self.assertEqual(measure.plan([workload()], [program("go")]), [])

    def test_a_workload_that_our_program_lacks_is_an_error(self):
        with self.assertRaisesRegex(programs.BuildError, "has skynet"):
            measure.plan([workload("skynet")], [program("weft"), program("go", of=["skynet"])])

    def test_a_failing_peer_is_told_and_not_repeated(self):
        broken = program("go", [self.script("go", "echo no memory >&2\nexit 3\n")])
        found = self.run_one(self.answering("weft", 20), broken)
        self.assertIsNone(found.find("scheduler", "switch", 1, "go"))
        self.assertEqual([s.failures for s in found.all() if s.program.name == "go"], [["exit code 3: no memory"]])
        self.assertEqual(found.own_failures(), [])

    def test_our_own_failure_counts(self):
        found = self.run_one(program("weft", [self.script("weft", "kill -SEGV $$\n")]))
        self.assertEqual([s.failures for s in found.own_failures()], [["signal 11: (no message)"]])

    def test_a_program_that_does_not_end_is_ended(self):
        found = self.run_one(program("weft", [self.script("weft", "exec sleep 100\n")]), timeout=0.2)
        self.assertEqual(found.own_failures()[0].failures, ["did not end within 0 s"])

    def test_nonsense_and_a_wrong_unit_are_failures(self):
        for body in (
            "echo hello\n",
            'echo \'{"unit": "ns"}\'\n',
            "echo '[]'\n",
            'echo \'{"unit": "s", "value": 1, "peak_rss_mb": 1}\'\n',
        ):
            found = self.run_one(program("weft", [self.script("weft", body)]))
            self.assertEqual(len(found.own_failures()), 1, body)

    def test_a_slow_peer_is_repeated_less_but_ours_is_not(self):
        found = self.run_one(self.answering("weft", 20), self.answering("go", 50), seconds_a_cell=0)
        self.assertEqual([len(s.values) for s in found.all()], [3, 0])


class Gates(unittest.TestCase):
    def judge(self, gate, runs, insist=True):
        """The verdict on the gate where the runs come out one after the other."""
        later = iter(runs[1:])
        plan = [measure.Cell(workload(workers=(gate.workers,)), gate.workers, ())]
        return gates.judge([gate], runs[0], lambda cells: next(later), plan, insist)[0]

    def test_two_runs_of_three_decide(self):
        gate = gates.Gate("scheduler", "switch", 1, "time", at_most=0.4, times="go")
        good, bad = (results({("weft", 1): [ours], ("go", 1): [100]}) for ours in (30, 50))
        for runs, state, count in (
            ([good], gates.MET, 1),
            ([bad, bad], gates.MISSED, 2),
            ([bad, good, good], gates.MET, 3),
            ([bad, good, bad], gates.MISSED, 3),
        ):
            verdict = self.judge(gate, runs)
            self.assertEqual((verdict.state, len(verdict.values)), (state, count))
        self.assertEqual(self.judge(gate, [bad], insist=False).state, gates.MISSED)

    def test_kinds_of_gates(self):
        measured = results({("weft", 1): [2.0, 1.9], ("weft", 2): [1.0, 1.2], ("go", 2): [4.0], ("tokio", 2): [0.5]})
        for more, state in (
            ({"workers": 1, "measure": "time", "at_most": 1.9}, gates.MET),
            ({"workers": 1, "measure": "time", "at_most": 1.8}, gates.MISSED),
            ({"workers": 1, "measure": "peak_rss_mb", "at_most": 3.4}, gates.MISSED),
            ({"workers": 1, "measure": "time", "at_most": 1, "times": "go"}, gates.NOT_CHECKED),
            ({"workers": 2, "measure": "speedup", "at_least": 1.85}, gates.MET),
            ({"workers": 2, "measure": "time", "at_most": 1, "times": "best", "plus": 0.5}, gates.MET),
            ({"workers": 2, "measure": "time", "at_most": 1, "times": "best", "plus": 0.4}, gates.MISSED),
            ({"workers": 2, "measure": "speedup", "at_least": 1.95}, gates.MISSED),
            ({"workers": 2, "measure": "time", "at_most": 0.25, "times": "go"}, gates.MET),
            ({"workers": 2, "measure": "time", "at_most": 1.9, "times": "best"}, gates.MISSED),
            ({"workers": 2, "measure": "time", "at_most": 2, "times": "best"}, gates.MET),
            ({"workers": 99999, "measure": "time", "at_most": 2}, gates.NOT_CHECKED),
        ):
            verdict = self.judge(gates.Gate("scheduler", "switch", **more), [measured], insist=False)
            if len(programs.os.sched_getaffinity(0)) >= more["workers"] or more["workers"] > 2:
                self.assertEqual(verdict.state, state, more)

    def test_memory_beside_a_peers(self):
        measured = results({("weft", 1): [2.0], ("go", 1): [1.0]})
        measured.find("scheduler", "switch", 1, "go").peaks[0] = 7.0
        for bound, state in ((0.5, gates.MET), (0.49, gates.MISSED)):
            gate = gates.Gate("scheduler", "switch", 1, "peak_rss_mb", at_most=bound, times="go")
            self.assertEqual(self.judge(gate, [measured], insist=False).state, state)
            self.assertEqual(str(gate), f"scheduler switch, peak memory, 1 worker: at most {bound} x go")

    def test_what_fails_in_our_program_is_missed(self):
        measured = results({("weft", 1): []})
        measured.all()[0].failures.append("signal 11")
        gate = gates.Gate("scheduler", "switch", 1, "time", at_most=1)
        self.assertEqual(self.judge(gate, [measured]).state, gates.MISSED)

    def test_goals_do_not_fail_unless_asked(self):
        gate = gates.Gate("scheduler", "switch", 1, "time", at_most=1, goal=True)
        verdict = self.judge(gate, [results({("weft", 1): [2]})])
        self.assertEqual(verdict.state, gates.MISSED)
        self.assertFalse(gates.any_missed([verdict], goals_count=False))
        self.assertTrue(gates.any_missed([verdict], goals_count=True))

    def test_the_checked_in_gates(self):
        for gate in gates.load():
            self.assertIn(gate.suite, workloads.suites(), gate)
            self.assertIn(gate.measure, ("time", "speedup", "peak_rss_mb"), gate)
            self.assertIn(gate.times, (None, "best", *programs.PEERS), gate)
            self.assertNotEqual(gate.at_most is None, gate.at_least is None, gate)
            self.assertTrue(str(gate))
        known = {(w.suite, w.name) for w in workloads.select(None, None, None, False)}
        required = {(g.suite, g.workload) for g in gates.load() if not g.goal}
        self.assertEqual(required - known, set(), "a required gate on a workload that does not exist")


class Reporting(unittest.TestCase):
    def setUp(self):
        self.results = results(
            {("weft", 1): [0.60, 0.62], ("go", 1): [0.66], ("weft", 2): [0.30, 0.33], ("go", 2): [0.40]},
            unit="s",
            speedup=True,
        )

    def test_the_table_is_aligned(self):
        text = io.StringIO()
        report.print_table(self.results, text)
        lines = text.getvalue().splitlines()
        self.assertNotIn("\x1b", text.getvalue())
        end = lines[0].index("median") + len("median")
        rows = [line for line in lines[1:] if line.startswith("switch")]
        self.assertEqual(len(rows), 6)
        for row in rows:
            self.assertTrue(row[end - 1].isdigit() and row[end : end + 1] in ("", " "), row)
        self.assertIn("0.909", rows[1])
        self.assertTrue(rows[4].startswith("switch_speedup"))

    def test_colour_only_on_a_terminal(self):
        terminal = io.StringIO()
        terminal.isatty = lambda: True
        report.print_table(self.results, terminal)
        self.assertIn("\x1b[32m  0.909\x1b[0m", terminal.getvalue())

    def test_numbers(self):
        for value, text in (
            (5654.2, "5654"),
            (187.04, "187.0"),
            (17.812, "17.81"),
            (0.0246181, "0.02462"),
            (0.000026, "0.000026"),
            (-0.01, "-0.01000"),
        ):
            self.assertEqual(report._number(value), text)

    def test_json(self):
        lines = [json.loads(line) for line in report.json_lines(self.results).splitlines()]
        self.assertEqual(
            lines[0],
            {
                "suite": "scheduler",
                "workload": "switch",
                "workers": 1,
                "peer": "weft",
                "version": "1.0",
                "unit": "s",
                "reps": 2,
                "min": 0.60,
                "median": 0.61,
                "peak_rss_mb": 3.5,
            },
        )
        speedup = [line for line in lines if line["workload"] == "switch_speedup"]
        self.assertEqual(
            [(s["peer"], s["workers"], s["unit"], round(s["min"], 3)) for s in speedup],
            [("weft", 2, "x", 2.0), ("go", 2, "x", 1.65)],
        )

    def test_progress_is_one_line_a_workload_where_there_is_no_terminal(self):
        stream = io.StringIO()
        progress = report.Progress(stream)
        cell = measure.Cell(workload(), 1, ())
        for rep in (1, 2):
            progress.measuring(0, 4, cell, program("go"), rep, 2)
        self.assertEqual(stream.getvalue(), "[1/4] scheduler: switch, 1 worker\n")


class Finding(WithScripts):
    def options(self, **more):
        return types.SimpleNamespace(
            **{"build_dir": self.folder, "no_build": True, "suites": [], "peers": ["boost_fiber"], **more}
        )

    def write_listing(self, entries):
        (self.folder / "bench").mkdir()
        (self.folder / "bench" / "programs.json").write_text(json.dumps(entries))

    def test_programs_of_the_build_and_a_peer_that_is_not_there(self):
        path = self.script("weft", 'case "$1" in --version) echo 0.1.0;; --list) echo switch; echo skynet;; esac\n')
        self.write_listing([{"suite": "scheduler", "program": "weft", "target": "x", "path": path}])
        found, absent = programs.find(self.options(), Quiet())
        self.assertEqual([(p.name, p.version, p.workloads) for p in found], [("weft", "0.1.0", {"switch", "skynet"})])
        self.assertEqual(list(absent), ["boost_fiber"])
        self.assertTrue(found[0].has(workload()))
        self.assertFalse(found[0].has(workload("mandelbrot")))

    def test_peers_of_other_suites_are_not_missed(self):
        self.write_listing([])
        self.assertEqual(programs.find(self.options(suites=["wasm"]), Quiet()), ([], {}))

    def test_a_build_without_benchmarks_is_an_error(self):
        with self.assertRaisesRegex(programs.BuildError, "WEFT_BUILD_BENCH"):
            programs.find(self.options(), Quiet())

    def test_an_own_program_that_does_not_run_is_an_error(self):
        self.write_listing(
            [{"suite": "scheduler", "program": "weft", "target": "x", "path": str(self.folder / "nothing")}]
        )
        with self.assertRaisesRegex(programs.BuildError, "does not run"):
            programs.find(self.options(), Quiet())

    def test_a_peer_that_a_program_of_ours_measures(self):
        measures = self.script("measures", '[ "$2" = --version ] && echo "$1" || echo hello_c\n')
        self.write_listing([{"suite": "commands", "program": "weft", "target": "x", "load": measures, "path": "us"}])
        node = self.script("node", "echo v22.1.0\n")
        with unittest.mock.patch.object(programs, "_tool", lambda name: node):
            found, absent = programs.find(self.options(suites=["commands"], peers=["node"]), Quiet())
        self.assertEqual([(p.name, p.suite, p.version) for p in found], [("weft", "commands", "us"), ("node", "commands", node)])
        self.assertEqual(absent, {})

    def test_a_peer_whose_measuring_program_is_not_built_is_absent(self):
        self.write_listing([])
        with self.assertRaisesRegex(programs.Absent, "nothing that measures servers"):
            programs._load(self.options(), "servers")

    def test_the_program_of_wasmtime_is_of_the_engines_version(self):
        version = programs._engine_version()
        self.assertRegex(version, r"^[0-9]+\.[0-9]+\.[0-9]+$")
        self.assertFalse(programs._says_version(self.folder / "nothing", version))
        self.assertTrue(programs._says_version(self.script("wasmtime", f"echo wasmtime {version}\n"), version))
        self.assertFalse(programs._says_version(self.script("wasmtime", f"echo wasmtime {version}0\n"), version))

    def test_an_old_tool_is_refused(self):
        javac = self.script("javac", "echo javac 17.0.15\n")
        with self.assertRaisesRegex(programs.Absent, "needs javac >= 21, here is 17.0.15"):
            programs._version_of([javac, "-version"], r"javac (\d+(?:\.\d+)*)", (21,))


class CommandLine(unittest.TestCase):
    def test_bad_arguments_are_refused(self):
        run = {"__file__": str(workloads.FILE.parent / "run"), "__name__": "run"}
        exec(
            compile((workloads.FILE.parent / "run").read_text(), "run", "exec"), run
        )  # it has no .py ending to import it by
        for words in (
            ["nothing"],
            ["--workers", "x"],
            ["--workers", "0"],
            ["--filter", "("],
            ["--peers", "rust"],
            ["--reps", "0"],
        ):
            with self.assertRaises(SystemExit) as ended, contextlib.redirect_stderr(io.StringIO()):
                run["arguments"](words)
            self.assertEqual(ended.exception.code, 2, words)


if __name__ == "__main__":
    unittest.main()
