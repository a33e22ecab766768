"""What is measured: bench/workloads.json."""

import dataclasses
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent.parent / "workloads.json"


@dataclasses.dataclass(frozen=True)
class Workload:
    suite: str
    name: str
    unit: str
    workers: tuple  # the numbers of workers it is measured with
    size: int  # handed to every program alike, so that all do the same amount of work
    speedup: bool  # whether its point is how much faster more workers are
    about: str


def _read():
    with open(FILE, encoding="utf-8") as file:
        return json.load(file)


def suites():
    return list(_read())


def select(wanted_suites, name_filter, worker_counts, tiny):
    """The workloads that the user asked for, in the file's order."""
    selected = []
    for suite, entries in _read().items():
        if wanted_suites and suite not in wanted_suites:
            continue
        for name, entry in entries.items():
            workers = tuple(n for n in entry["workers"] if worker_counts is None or n in worker_counts)
            if not workers or (name_filter and not name_filter.search(name)):
                continue
            selected.append(
                Workload(
                    suite=suite,
                    name=name,
                    unit=entry["unit"],
                    workers=workers,
                    size=entry["tiny" if tiny else "size"],
                    speedup=entry.get("speedup", False),
                    about=entry["about"],
                )
            )
    return selected
