"""The words before the program, and programs that are refused."""

import os
import shutil
import subprocess

from harness import PROGRAMS, ExecTest


class Command(ExecTest):
    def assert_refused(self, result, *patterns):
        self.assertEqual(result.code, 2, result)
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.assertTrue(result.err.startswith("weft: exec: "), result)
        for pattern in patterns:
            self.assertRegex(result.err, pattern, result)

    def compile(self, name, source, *flags):
        (self.folder / f"{name}.c").write_text(source)
        subprocess.run([os.environ.get("CC", "cc"), *flags, f"{name}.c", "-o", name], cwd=self.folder, check=True)
        return self.folder / name

    def test_flags(self):
        self.assert_refused(self.weft(), "no program given")
        self.assert_refused(self.weft("--workers", "0", "true"), "'0' is not a number from 1 to 256")
        self.assert_refused(self.weft("--io", "aio", "true"), "auto, uring or epoll")
        self.assert_refused(self.weft("no-such-program"), r"no program 'no-such-program' in \$PATH")
        self.assert_refused(self.weft("./not-there"), "cannot run ./not-there")
        self.assertIn("--workers", self.weft("--help").out)

    def test_arguments_and_exit_code_are_the_programs(self):
        result = self.weft("sh", "-c", 'echo "$1" --workers; exit 5', "sh", "a b")
        self.assertEqual((result.code, result.out), (5, "a b --workers\n"), result)

    def test_workers(self):
        threads = self.compile("threads", r"""
            #include <pthread.h>
            #include <stdio.h>
            #include <string.h>
            static void* nothing(void* p) { return p; }
            int main() {
              pthread_t t;
              pthread_create(&t, 0, nothing, 0);
              pthread_join(t, 0);
              FILE* f = popen("cat /proc/$PPID/task/*/comm", "r");
              char line[64];
              int workers = 0;
              while (fgets(line, sizeof line, f)) workers += strncmp(line, "weft-exec-", 10) == 0;
              printf("%d\n", workers);
            }""", "-pthread")
        self.assertEqual(self.weft("--workers", "3", threads).out, "3\n")

    def test_static_programs_are_refused(self):
        program = self.compile("static", "int main() { return 0; }", "-static")
        self.assert_refused(self.weft(program), "linked statically", "link it dynamically")

    def test_go_programs_are_refused(self):
        program = self.compile("marked", '__asm__(".section .go.buildinfo, \\"a\\"; .quad 0; .text"); int main() { return 0; }')
        self.assert_refused(self.weft(program), "written in Go", "goroutines")

        for program in self.real_go_programs():
            self.assert_refused(self.weft(program), "written in Go", "goroutines")

    def real_go_programs(self):
        """One that is linked statically, as usual, and one that the system's linker makes. None where there is no Go."""
        go = shutil.which("go") or "/usr/local/go/bin/go"
        if not os.access(go, os.X_OK):
            return
        (self.folder / "go.mod").write_text("module hello\n")
        (self.folder / "hello.go").write_text('package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n')
        for name, flags in (("static", []), ("dynamic", ["-ldflags=-linkmode=external", "-buildmode=pie"])):
            subprocess.run([go, "build", *flags, "-o", f"go_{name}", "hello.go"], cwd=self.folder, check=True,
                           env=dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=mod"))
            yield self.folder / f"go_{name}"

    def test_other_loaders_are_refused(self):
        program = self.compile("musl", "int main() { return 0; }", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
        self.assert_refused(self.weft(program), "not glibc", "ld-musl")

    def test_programs_that_run_as_others_are_refused(self):
        program = self.compile("setuid", "int main() { return 0; }")
        program.chmod(0o4755)
        self.assert_refused(self.weft(program), "another user")

    def test_scripts_are_judged_by_their_interpreter(self):
        interpreter = self.compile("interpreter", "int main() { return 0; }", "-static")
        script = self.folder / "script"
        script.write_text(f"#!{interpreter}\n")
        script.chmod(0o755)
        self.assert_refused(self.weft(script), f"{interpreter}.* linked statically")

    def test_what_is_no_program_is_refused(self):
        text = self.folder / "text"
        text.write_text("neither\n")
        text.chmod(0o755)
        self.assert_refused(self.weft(text), "neither an ELF program nor a script")

    def test_an_unknown_c_library_leaves_threads_as_they_are(self):
        # Another version string than that of the table: the program runs on, and says why.
        other = self.compile("other", 'const char* gnu_get_libc_version(void) { return "9.99"; }', "-shared", "-fPIC")
        result = self.weft(PROGRAMS / "life", env={"LD_PRELOAD": str(other)})
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"weft exec: threads of this program stay OS threads: .*glibc 9\.99.*known are those of 2\.36")
