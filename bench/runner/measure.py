"""Running the programs: a repetition of each in turn, so that what else the machine does hits all alike."""

import dataclasses
import json
import statistics
import subprocess
import time

from . import programs


@dataclasses.dataclass(frozen=True)
class Settings:
    reps: int = 5
    # A peer that has used this much time in one cell is not repeated further; ours always is.
    seconds_a_cell: float = 30
    # A process that takes longer is ended, and the run counts as failed.
    timeout: float = 100


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row group of the table: a workload, a number of workers, the programs that have it (ours first)."""

    workload: object
    workers: int
    programs: tuple


@dataclasses.dataclass
class Series:
    """The repetitions of one program in one cell."""

    cell: Cell
    program: object
    values: list = dataclasses.field(default_factory=list)
    peaks: list = dataclasses.field(default_factory=list)
    failures: list = dataclasses.field(default_factory=list)
    seconds: float = 0

    @property
    def min(self):
        return min(self.values)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def peak_rss_mb(self):
        return max(self.peaks)


class Results:
    """All series of one run, found by workload, workers and program."""

    def __init__(self):
        self.cells = []
        self._series = {}

    def add(self, series):
        self._series[self._key(series.cell.workload, series.cell.workers, series.program.name)] = series

    @staticmethod
    def _key(workload, workers, program):
        return (workload.suite, workload.name, workers, program)

    def find(self, suite, workload, workers, program):
        """The series, or None if there is none or all its repetitions failed."""
        series = self._series.get((suite, workload, workers, program))
        return series if series and series.values else None

    def of(self, cell):
        return [self._series[self._key(cell.workload, cell.workers, p.name)] for p in cell.programs]

    def all(self):
        return list(self._series.values())

    def own_failures(self):
        return [s for s in self.all() if s.program.name == programs.OURS and s.failures]


def plan(selected, found):
    """The cells: every selected workload of the suites that are built, with the peers that have it too."""
    built = {p.suite for p in found if p.name == programs.OURS}
    cells = []
    for workload in selected:
        if workload.suite not in built:
            continue
        having = [p for p in found if p.has(workload)]
        having.sort(key=lambda p: (p.name != programs.OURS, p.name))
        if not having or having[0].name != programs.OURS:
            raise programs.BuildError(
                f"workloads.json has {workload.name}, our program of suite {workload.suite} has not"
            )
        cells += [Cell(workload, workers, tuple(having)) for workers in workload.workers]
    return cells


def run(cells, settings, progress):
    results = Results()
    for number, cell in enumerate(cells):
        series = [Series(cell, p) for p in cell.programs]
        results.cells.append(cell)
        for each in series:
            results.add(each)
        for rep in range(settings.reps):
            for each in series:
                if _may_go_on(each, settings):
                    progress.measuring(number, len(cells), cell, each.program, rep + 1, settings.reps)
                    _repeat(each, settings)
    return results


def _may_go_on(series, settings):
    if series.failures:
        return False
    return series.program.name == programs.OURS or series.seconds < settings.seconds_a_cell


def _repeat(series, settings):
    workload = series.cell.workload
    command = [*series.program.command, workload.name, str(series.cell.workers), str(workload.size)]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=settings.timeout, check=False)
        _take(series, done)
    except subprocess.TimeoutExpired:
        series.failures.append(f"did not end within {settings.timeout:.0f} s")
    series.seconds += time.monotonic() - begin


def _take(series, done):
    """Reads the one line that a program prints."""
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["(no message)"])[-1]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        series.failures.append(f"{how}: {last}")
        return
    try:
        line = json.loads(done.stdout)
        unit, value, peak = line["unit"], float(line["value"]), float(line["peak_rss_mb"])
    except (ValueError, KeyError, TypeError) as e:
        series.failures.append(f"printed no result: {e}")
        return
    if unit != series.cell.workload.unit:
        series.failures.append(f"measures in {unit}, not in {series.cell.workload.unit}")
        return
    series.values.append(value)
    series.peaks.append(peak)
