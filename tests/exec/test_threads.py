"""Test programs of ours: each checks itself, says ok, and would do so without weft."""

import signal

from harness import PROGRAMS, ExecTest


class Threads(ExecTest):
    def test_what_belongs_to_a_thread_stays_with_it(self):
        self.assert_ok(self.run_program(PROGRAMS / "identity", "1000"))

    def test_beginnings_and_ends(self):
        self.assert_ok(self.run_program(PROGRAMS / "life"))

    def test_waiting_for_each_other(self):
        self.assert_ok(self.run_program(PROGRAMS / "sync"))

    def test_the_c_standards_threads(self):
        self.assert_ok(self.run_program(PROGRAMS / "c11"))

    def test_processes_and_signals(self):
        self.assert_ok(self.run_program(PROGRAMS / "process"))


class Leaving(ExecTest):
    def code(self, how):
        return self.run_program(PROGRAMS / "process", how).code

    def test_a_thread_may_end_the_process(self):
        self.assertEqual(self.code("exit-in-thread"), 7)

    def test_main_may_leave_before_its_threads(self):
        self.assert_ok(self.run_program(PROGRAMS / "process", "main-leaves"), out="the last\n")

    def test_the_programs_own_terminate_handler_is_called(self):
        self.assertEqual(self.code("uncaught"), 9)

    def test_abort_and_faults_end_it_as_ever(self):
        self.assertEqual(self.code("abort"), -signal.SIGABRT)
        self.assertEqual(self.code("fault"), -signal.SIGSEGV)

    def test_main_may_return_while_threads_run(self):
        self.assertEqual(self.code("while-others-run"), 11)
