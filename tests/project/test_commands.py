"""What the README tells a reader to run exists, and is what CI runs."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README_COMMANDS = ["./dev demo", "./dev test"]


def lines_of(name):
    return [line.strip() for line in (ROOT / name).read_text().splitlines()]


class Commands(unittest.TestCase):
    def test_readme_shows_them(self):
        blocks = re.findall(r"```[a-z]*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        # A command may be followed by a comment, or by a description after a gap.
        shown = {re.split(r"#|\s{2,}", line.strip())[0].strip() for block in blocks for line in block.splitlines()}
        for command in README_COMMANDS:
            self.assertIn(command, shown)

    def test_ci_runs_them(self):
        lines = [line.removeprefix("step ") for line in lines_of(".ci/run") if not line.startswith("#")]
        for command in README_COMMANDS:
            self.assertTrue(any(line.startswith(command) for line in lines), f".ci/run does not call {command}")

    def test_workflow_calls_ci(self):
        self.assertTrue(any("bash .ci/run" in line for line in lines_of(".github/workflows/ci.yml")))

    def test_help_names_every_command(self):
        dispatched = re.search(r"^  (setup \|.*?)\)", (ROOT / "dev").read_text(), re.MULTILINE).group(1).split(" | ")
        text = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
        for command in dispatched:
            self.assertRegex(text, rf"(?m)^  {command}\b")

    def test_help_on_each_command(self):
        for command in ["setup", "build", "test", "sanitize", "fmt", "lint", "clean"]:
            text = subprocess.run([ROOT / "dev", command, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertTrue(text.strip().startswith(command))

    def test_unknown_command_is_an_error(self):
        run = subprocess.run([ROOT / "dev", "frobnicate"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("no command named 'frobnicate'", run.stderr)

    def test_dependencies_are_all_described(self):
        described = (ROOT / "docs/dependencies.md").read_text()
        packages = re.search(r"^packages=\((.*?)^\)", (ROOT / "dev").read_text(), re.MULTILINE | re.DOTALL).group(1)
        for package in packages.replace('"', " ").split():
            self.assertIn(f"`{package.split('|')[0]}`", described)


if __name__ == "__main__":
    unittest.main()
