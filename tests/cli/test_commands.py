"""The commands besides `weft run`, and the flags of `weft run` that they go with."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import GUESTS, WEFT, WeftTest, guest


class Compile(WeftTest):
    def setUp(self):
        super().setUp()
        shutil.copy(guest("hello"), self.folder / "app.wasm")

    def test_what_is_compiled_runs_if_it_is_trusted(self):
        for flags in ([], ["--compiler", "winch"], ["--compiler", "pulley"], ["--stack", "1M"]):
            with self.subTest(flags=flags):
                made = self.weft("compile", *flags, "app.wasm")
                self.assertEqual((made.code, made.out, made.err), (0, "", ""), made)
                result = self.weft("run", *flags, "--allow-precompiled", "app.cwasm")
                self.assertEqual((result.code, result.out), (0, "hello from a guest\n"), result)

    def test_it_is_refused_unless_trusted(self):
        self.weft("compile", "app.wasm", "-o", "out.cwasm")
        self.assert_one_line(self.weft("run", "out.cwasm"), 2, "native code", "--allow-precompiled")

    def test_trust_is_not_needed_for_what_is_compiled_here(self):
        result = self.weft("run", "--allow-precompiled", "app.wasm")
        self.assertEqual((result.code, result.out), (0, "hello from a guest\n"), result)

    def test_code_of_other_settings_is_refused(self):
        self.weft("compile", "--compiler", "pulley", "app.wasm", "-o", "other.cwasm")
        self.assert_one_line(self.weft("run", "--allow-precompiled", "other.cwasm"), 2, "other.cwasm", "compile it again")

    def test_damaged_code_is_refused(self):
        self.weft("compile", "app.wasm")
        path = self.folder / "app.cwasm"
        whole = path.read_bytes()
        for size in (4, 100, 4096):
            path.write_bytes(whole[:size])
            self.assert_one_line(self.weft("run", "--allow-precompiled", path), 2, "app.cwasm")
        path.write_bytes(b"\x7fELF" + pathlib.Path("/proc/self/exe").read_bytes()[4:8192])
        self.assert_one_line(self.weft("run", "--allow-precompiled", path), 2, "app.cwasm")

    def test_bad_input(self):
        self.assert_one_line(self.weft("compile"), 2, "MODULE")
        self.assert_one_line(self.weft("compile", "nowhere.wasm"), 2, "nowhere.wasm")
        (self.folder / "text.wasm").write_text("hello")
        self.assert_one_line(self.weft("compile", "text.wasm"), 2, "text.wasm")
        self.assert_one_line(self.weft("compile", "app.wasm", "-o", "/no/such/folder/x"), 2, "/no/such/folder/x")
        self.assert_one_line(self.weft("compile", "--compiler", "gcc", "app.wasm"), 2, "--compiler", "cranelift, winch or pulley")
        self.assert_one_line(self.weft("compile", "--stack", "1", "app.wasm"), 2, "--stack", "16K")
        self.assertEqual(sorted(os.listdir(self.folder)), ["app.wasm", "text.wasm"])


class Compilers(WeftTest):
    def test_results_do_not_depend_on_the_compiler(self):
        for name in ("cranelift", "winch", "pulley"):
            with self.subTest(compiler=name):
                result = self.weft("run", "--compiler", name, guest("sieve"), 10000)
                self.assertEqual((result.code, result.out), (0, "1229\n"), result)

    def test_guests_are_preempted_and_ended_whatever_compiled_them(self):
        for name in ("winch", "pulley"):
            with self.subTest(compiler=name):
                result = self.weft("run", "--compiler", name, "--timeout", "300ms", "--copies", 3, "--workers", 1, guest("hog"))
                self.assertEqual(result.code, 124, result)


class Cache(WeftTest):
    def setUp(self):
        super().setUp()
        self.environment["WEFT_CACHE_DIR"] = str(self.folder / "cache")

    def list(self):
        return json.loads(self.weft("cache", "list", "--json").out)

    def test_list_and_prune(self):
        self.assertEqual(self.list()["entries"], [])
        for name in ("hello", "sieve"):
            self.weft("run", guest(name), 10)
        listed = self.list()
        self.assertEqual([e["module"] for e in listed["entries"]], ["sieve.wasm", "hello.wasm"])
        self.assertEqual(listed["size"], sum(e["size"] for e in listed["entries"]))
        table = self.weft("cache", "list").out
        for name in ("hello.wasm", "sieve.wasm", "2 modules"):
            self.assertIn(name, table)
        self.assertRegex(self.weft("cache", "prune", "--unused", "1h").out, "^removed 0 modules")
        newest = listed["entries"][0]["size"]
        self.assertRegex(self.weft("cache", "prune", "--max-size", newest).out, "^removed 1 module of")
        self.assertEqual([e["module"] for e in self.list()["entries"]], ["sieve.wasm"])
        self.assertRegex(self.weft("cache", "prune", "--all").out, "^removed 1 module of")
        self.assertEqual(self.list()["entries"], [])

    def test_the_second_run_is_from_the_cache(self):
        first = self.weft("run", "--log", "debug", guest("hello"))
        second = self.weft("run", "--log", "debug", guest("hello"))
        self.assertIn(", compiled", first.err)
        self.assertIn(", from the cache", second.err)

    def test_each_module_is_said_to_come_from_where_it_did(self):
        self.weft("run", guest("uses_math"))
        flags = ("--log", "debug", "--preload", "math=" + guest("math"), "--preload", "again=" + guest("math"))
        lines = [line for line in self.weft("run", *flags, guest("uses_math")).err.splitlines() if "ready after" in line]
        self.assertEqual([line.rpartition(", ")[2] for line in lines], ["from the cache", "compiled", "loaded before"])

    def test_bad_input(self):
        self.assert_one_line(self.weft("cache"), 2, "cache|subcommand")
        self.assert_one_line(self.weft("cache", "prune"), 2, "--unused TIME, --max-size SIZE or --all")
        self.assert_one_line(self.weft("cache", "prune", "--unused", "long"), 2, "--unused", "long")
        self.assert_one_line(self.weft("cache", "prune", "--max-size", "small"), 2, "--max-size", "small")


class Inspect(WeftTest):
    def test_table(self):
        result = self.weft("inspect", "--functions", 100, guest("fall"))
        self.assertEqual(result.code, 0, result)
        for pattern in (r"(?m)^kind +module$", r"(?m)^WASI +preview 1$", r"wasi_snapshot_preview1\.fd_write +provided",
                        r"(?m)^_start +function \(\)", r"(?m)^memory +\S", r"(?m)^code +\S", r"step_off_the_edge"):
            self.assertRegex(result.out, pattern, result)

    def test_json(self):
        module = json.loads(self.weft("inspect", "--json", guest("missing_import")).out)
        self.assertEqual((module["kind"], module["wasi"], module["problem"]), ("module", "preview 1", None))
        self.assertEqual(module["size"], os.path.getsize(guest("missing_import")))
        provided = {f"{i['module']}.{i['name']}": i["provided"] for i in module["imports"]}
        self.assertFalse(provided["orchard.pick_apple"])
        self.assertTrue(provided["wasi_snapshot_preview1.proc_exit"])
        sizes = [f["size"] for f in module["functions"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertLessEqual(sum(sizes), next(s["size"] for s in module["sections"] if s["name"] == "code"))

    def test_how_many_functions(self):
        few = self.weft("inspect", "--functions", 3, guest("hello")).out
        self.assertRegex(few, r"and \d+ more")
        self.assertNotIn("functions by size", self.weft("inspect", "--functions", 0, guest("hello")).out)

    def test_a_damaged_module_is_shown_as_far_as_it_goes(self):
        whole = pathlib.Path(guest("hello")).read_bytes()
        (self.folder / "cut.wasm").write_bytes(whole[: len(whole) // 2])
        result = self.weft("inspect", "cut.wasm")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.out, "(?m)^problem +.*offset", result)
        self.assertIn("imports", result.out)

    def test_bad_input(self):
        self.assert_one_line(self.weft("inspect"), 2, "MODULE")
        self.assert_one_line(self.weft("inspect", "nowhere.wasm"), 2, "nowhere.wasm")
        self.assert_one_line(self.weft("inspect", self.folder), 2, "directory")
        (self.folder / "text").write_text("hello, this is no module")
        self.assert_one_line(self.weft("inspect", "text"), 2, "text", "not WebAssembly")
        self.assert_one_line(self.weft("inspect", "--functions", "all", guest("hello")), 2, "--functions", "all")


class Invoke(WeftTest):
    def test_results(self):
        for arguments, printed in ((("add", 2, 3), "5\n"), (("add", "-1", "0x10"), "15\n"), (("shift", 1, 40), "1099511627776\n"),
                                   (("half", "0.5"), "0.25\n"), (("third", "1"), "0.33333334\n"), (("nothing",), "")):
            result = self.weft("run", "--invoke", arguments[0], guest("math"), *arguments[1:])
            self.assertEqual((result.code, result.out, result.err), (0, printed, ""), arguments)

    def test_a_trap(self):
        result = self.weft("run", "--invoke", "fault", guest("math"))
        self.assertEqual(result.code, 134, result)
        self.assertIn("fault", result.err)

    def test_bad_input(self):
        self.assert_one_line(self.weft("run", "--invoke", "subtract", guest("math"), 1, 2), 2, "subtract", "weft inspect")
        self.assert_one_line(self.weft("run", "--invoke", "add", guest("math"), 1), 2, "add")
        for value in ("x", "1.5", "4294967296", "-2147483649", ""):
            self.assert_one_line(self.weft("run", "--invoke", "add", guest("math"), 1, value), 2, f"'{value}' is no number")
        self.assert_one_line(self.weft("run", guest("math")), 2, "--invoke")


class Preload(WeftTest):
    def test_a_module_imports_from_another(self):
        for copies in (1, 3):
            result = self.weft("run", "--copies", copies, "--preload", "math=" + guest("math"), guest("uses_math"))
            self.assertEqual((result.code, result.out), (0, "42\n" * copies), result)

    def test_bad_input(self):
        self.assert_one_line(self.weft("run", guest("uses_math")), 2, "math.add")
        self.assert_one_line(self.weft("run", "--preload", "other=" + guest("math"), guest("uses_math")), 2, "math.add")
        self.assert_one_line(self.weft("run", "--preload", "math", guest("uses_math")), 2, "--preload", "NAME=FILE")
        self.assert_one_line(self.weft("run", "--preload", "math=nowhere.wasm", guest("uses_math")), 2, "nowhere.wasm")


class Listen(WeftTest):
    def greeted(self, port):
        import socket
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            return connection.recv(100)

    def test_an_address(self):
        process = self.start("run", "--listen", "127.0.0.1:0", guest("greet"))
        line = process.stderr.readline().decode()
        port = int(re.match(r"weft: listening on 127\.0\.0\.1:(\d+)$", line).group(1))
        self.assertEqual(self.greeted(port), b"hello\n")
        self.assertEqual(process.wait(timeout=120), 0)

    def test_a_socket_from_outside(self):
        import socket
        with socket.create_server(("127.0.0.1", 0)) as server:
            process = self.start("run", "--listen", str(server.fileno()), guest("greet"), pass_fds=[server.fileno()])
            self.assertEqual(self.greeted(server.getsockname()[1]), b"hello\n")
            self.assertEqual(process.wait(timeout=120), 0)

    def test_bad_input(self):
        self.assert_one_line(self.weft("run", "--listen", "nonsense", guest("greet")), 2, "--listen", "nonsense")
        self.assert_one_line(self.weft("run", "--listen", "999", guest("greet")), 2, "--listen", "999")
        self.assert_one_line(self.weft("run", "--listen", "192.0.2.1:1", guest("greet")), 2, "--listen", "192.0.2.1:1")


class LookingInside(WeftTest):
    def test_backtraces_have_files_and_lines(self):
        result = self.weft("run", guest("fall_debug"))
        self.assertEqual(result.code, 134, result)
        source = (pathlib.Path(__file__).parent / "guests" / "fall.c").read_text().splitlines()
        trap_line = next(n for n, text in enumerate(source, 1) if "__builtin_trap" in text)
        self.assertRegex(result.err, rf"step_off_the_edge.* at .*fall\.c:{trap_line}", result)

    def test_core_dump(self):
        result = self.weft("run", "--coredump", "core", guest("fall"))
        self.assertEqual(result.code, 134, result)
        self.assertIn("core dump in 'core'", result.err)
        dump = (self.folder / "core").read_bytes()
        self.assertEqual(dump[:8], b"\0asm\1\0\0\0")
        module = json.loads(self.weft("inspect", "--json", "core").out)
        names = [s["name"] for s in module["sections"]]
        for section in ("core", "coremodules", "coreinstances", "corestack", "memory", "data"):
            self.assertIn(section, names)
        self.assertIsNone(module["problem"])

    def test_a_guest_that_ends_well_leaves_no_core_dump(self):
        self.assertEqual(self.weft("run", "--coredump", "core", guest("hello")).code, 0)
        self.assertEqual((self.folder / "core").read_bytes(), b"")

    def test_profile_of_a_guest(self):
        result = self.weft("run", "--profile", "guest,out.json", "--cpu-time", "100ms", guest("take"), "time")
        self.assertEqual(result.code, 134, result)
        profile = json.loads((self.folder / "out.json").read_text())
        thread = profile["threads"][0]
        self.assertGreater(thread["samples"]["length"], 10)
        self.assertIn("wasm", " ".join(library["name"] for library in profile["libs"]))

    def test_profile_for_perf(self):
        process = self.start("run", "--profile", "perf", guest("announce_then_read"))
        self.read_line(process)
        names = pathlib.Path(f"/tmp/perf-{process.pid}.map")
        self.addCleanup(lambda: names.unlink(missing_ok=True))
        self.assertIn("main", names.read_text())
        process.stdin.close()
        process.stdin = None
        process.wait(timeout=120)

    def test_bad_input(self):
        self.assert_one_line(self.weft("run", "--profile", "gprof", guest("hello")), 2, "--profile", "perf, guest")
        for flag, value in (("--coredump", "/no/such/folder/core"), ("--profile", "guest,/no/such/folder/out")):
            self.assert_one_line(self.weft("run", flag, value, guest("hello")), 2, flag, "/no/such/folder")


class Words(WeftTest):
    def commands(self):
        return re.findall(r"(?m)^  ([a-z]+) +[A-Z]", self.weft("--help").out)

    def test_every_command_has_help_with_examples(self):
        commands = self.commands()
        self.assertEqual(sorted(commands), ["cache", "compile", "completion", "doctor", "exec", "inspect", "manual", "run"])
        for command in commands:
            result = self.weft(command, "--help")
            self.assertEqual(result.code, 0, result)
            if command != "doctor":
                self.assertIn("Examples:", result.out)

    def test_the_commands_are_documented(self):
        with open(os.environ["WEFT_COMMAND_LINE_DOC"], encoding="utf-8") as file:
            text = file.read()
        for command in self.commands():
            self.assertIn(f"weft {command}", text)
            for flag in re.findall(r"--[a-z][a-z-]+", self.weft(command, "--help").out.split("Examples:")[0]):
                self.assertIn(flag, text)

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.weft("completion", shell)
            self.assertEqual(script.code, 0, script)
            for word in ("run", "inspect", "memory", "allow-precompiled"):
                self.assertIn(word, script.out)
        self.assert_one_line(self.weft("completion", "cmd"), 2, "cmd", "bash, zsh or fish")

    def complete(self, *words):
        script = self.weft("completion", "bash").out
        line = " ".join(f"'{w}'" for w in words)
        asked = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _weft; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_completion_completes(self):
        (self.folder / "app.wasm").write_text("")
        self.assertEqual(self.complete("weft", "ins"), ["inspect"])
        self.assertEqual(self.complete("weft", "run", "--cop"), ["--copies"])
        self.assertEqual(self.complete("weft", "run", "ap"), ["app.wasm"])
        self.assertEqual(self.complete("weft", "cache", "pr"), ["prune"])
        self.assertEqual(self.complete("weft", "run", "--copies", ""), [])

    def test_manual(self):
        page = self.weft("manual")
        self.assertEqual(page.code, 0, page)
        self.assertTrue(page.out.startswith(".TH WEFT 1"))
        for flag in re.findall(r"--[a-z][a-z-]+", self.weft("run", "--help").out):
            self.assertIn(flag.replace("-", "\\-"), page.out)
        for line in page.out.splitlines():
            if line.startswith((".", "'")):
                self.assertRegex(line, r"^\.(TH|SH|SS|TP|PP|B|br|nf|fi)\b")
