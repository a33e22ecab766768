"""The static probes are in the binary, with the arguments that docs/internals/probes.md lists."""

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def probes_in(binary):
    """name -> the number of its arguments, of the provider weft."""
    notes = subprocess.run(["readelf", "-n", "--wide", binary], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"Provider: weft\s+Name: (\w+)\s+Location: .*\n\s+Arguments:(.*)", notes)
    return {name: len(arguments.split()) for name, arguments in found}


def probes_described():
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (.*?) \|", (ROOT / "docs/internals/probes.md").read_text(), re.MULTILINE)
    return {name: len(re.findall(r"`[^`]+`", arguments)) for name, arguments in rows}


class Probes(unittest.TestCase):
    def test_each_is_there(self):
        found = probes_in(os.environ["WEFT_PROBED_PROGRAM"])
        for name in ("spawn", "task_start", "task_end", "park", "unpark", "steal_task", "steal_fibers", "worker_sleep",
                     "worker_wake"):
            self.assertIn(name, found)

    def test_documentation_tells_the_truth(self):
        self.assertEqual(probes_described(), probes_in(os.environ["WEFT_PROBED_PROGRAM"]))


if __name__ == "__main__":
    unittest.main()
