"""`weft doctor`."""

import json

from harness import WeftTest, forbid_io_uring


class Doctor(WeftTest):
    def findings(self, **options):
        result = self.weft("doctor", "--json", **options)
        self.assertEqual(len(result.out.splitlines()), 1, result)
        return result.code, {f["name"]: f for f in json.loads(result.out)}

    def test_table_and_json_say_the_same(self):
        _, findings = self.findings()
        table = self.weft("doctor").out
        for name, finding in findings.items():
            self.assertRegex(table, rf"(?m)^{name} +{finding['state']} +\S")

    def test_what_is_not_good_has_a_cause_and_a_remedy(self):
        _, findings = self.findings(before=forbid_io_uring)
        self.assertEqual(findings["io_uring"]["state"], "limited")
        self.assertTrue(findings["I/O engine"]["found"].startswith("epoll"))
        for finding in findings.values():
            self.assertEqual("cause" in finding, finding["state"] != "good", finding)
            self.assertEqual("remedy" in finding, finding["state"] != "good", finding)

    def test_exit_code_tells_whether_something_will_not_work(self):
        self.assertEqual(self.findings()[0], 0)
        code, findings = self.findings(env={"WEFT_IO": "iocp"})
        self.assertEqual((code, findings["I/O engine"]["state"]), (1, "bad"))
        self.assertEqual(self.findings(env={"WEFT_IO": "uring"}, before=forbid_io_uring)[0], 1)
