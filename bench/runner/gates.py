"""The gates: what the measurements must show, bench/gates.json."""

import dataclasses
import json
import operator
import os
import pathlib

from . import programs

FILE = pathlib.Path(__file__).resolve().parent.parent / "gates.json"

MET, MISSED, NOT_CHECKED = "met", "missed", "not checked"


@dataclasses.dataclass(frozen=True)
class Gate:
    suite: str
    workload: str
    workers: int
    measure: str  # "time", "speedup" (against one worker) or "peak_rss_mb"
    at_most: float = None
    at_least: float = None
    times: str = None  # the bound is a factor to what this peer has; "best" is the best peer that was measured
    plus: float = 0  # in the workload's unit, or MB: so much more than that is allowed
    goal: bool = False  # not reached yet and not required: told, but no failure

    def __str__(self):
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        memory = " peak memory" if self.times else " peak memory in MB"
        what = {"time": "", "speedup": " speed-up", "peak_rss_mb": memory}[self.measure]
        bound = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        factor = f" x {self.times}" if self.times else ""
        more = f" + {self.plus:g}" if self.plus else ""
        return f"{self.suite} {self.workload},{what and what + ','} {workers}: {bound}{factor}{more}"

    def holds(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least


@dataclasses.dataclass
class Verdict:
    gate: Gate
    state: str
    values: list  # of each run
    reason: str = ""


def load(path=FILE):
    with open(path, encoding="utf-8") as file:
        entries = json.load(file)
    gates = []
    for entry in entries:
        for workers in entry.pop("workers"):
            gates.append(Gate(workers=workers, **{"measure": "time", **entry}))
    return gates


def judge(gates, results, run_again, plan, insist):
    """A verdict on every gate whose workload was measured.

    A gate is missed if two runs of three miss it: with `insist`, what the first run misses is run again, else the first
    run decides. Verdicts on goals always rest on the first run.
    """
    verdicts = []
    for gate in gates:
        if not _has_workload(gate, plan):
            continue
        value, reason = _value(gate, results)
        if value is None:
            failed = any(s.cell.workload.name == gate.workload for s in results.own_failures())
            verdicts.append(Verdict(gate, MISSED if failed else NOT_CHECKED, [], reason))
            continue
        values = [value]
        if insist and not gate.goal:
            while not gate.holds(values[0]) and _open(gate, values):
                again, reason = _value(gate, run_again(_cells_of(gate, plan)))
                if again is None:
                    break
                values.append(again)
            missed = sum(not gate.holds(v) for v in values) >= min(2, len(values))
        else:
            missed = not gate.holds(value)
        verdicts.append(Verdict(gate, MISSED if missed else MET, values))
    return verdicts


def any_missed(verdicts, goals_count):
    return any(v.state == MISSED and (goals_count or not v.gate.goal) for v in verdicts)


def _open(gate, values):
    """Whether a further run could still decide."""
    missed = sum(not gate.holds(v) for v in values)
    return len(values) < 3 and missed < 2 and len(values) - missed < 2


def _has_workload(gate, plan):
    return any((c.workload.suite, c.workload.name) == (gate.suite, gate.workload) for c in plan)


def _cells_of(gate, plan):
    counts = (1, gate.workers) if gate.measure == "speedup" else (gate.workers,)
    return [
        c for c in plan if (c.workload.suite, c.workload.name) == (gate.suite, gate.workload) and c.workers in counts
    ]


def _value(gate, results):
    """What the gate is about, as one run measured it: a number, or None and why there is none."""
    cpus = len(os.sched_getaffinity(0))
    if gate.workers > cpus:
        return None, f"needs {gate.workers} CPUs, here {'is' if cpus == 1 else 'are'} {cpus}"
    ours = results.find(gate.suite, gate.workload, gate.workers, programs.OURS)
    if ours is None:
        return None, f"not measured with {gate.workers} workers"
    if gate.measure == "speedup":
        single = results.find(gate.suite, gate.workload, 1, programs.OURS)
        return (single.min / ours.min, "") if single else (None, "not measured with 1 worker")
    measured = operator.attrgetter("peak_rss_mb" if gate.measure == "peak_rss_mb" else "min")
    if gate.times is None:
        return measured(ours), ""
    others = [name for name in programs.PEERS if not name.startswith(programs.OURS)]  # not ours on another engine
    names = others if gate.times == "best" else [gate.times]
    peers = [results.find(gate.suite, gate.workload, gate.workers, name) for name in names]
    values = [measured(peer) for peer in peers if peer and measured(peer) > 0]
    if not values:
        return None, "no peer was measured" if gate.times == "best" else f"{gate.times} was not measured"
    return (measured(ours) - gate.plus) / min(values), ""
