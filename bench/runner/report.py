"""What the user sees: the progress line, the table, the verdicts; and the JSON."""

import json
import os

from . import gates, programs


class Progress:
    """One line that is overwritten on a terminal; elsewhere a line a workload."""

    def __init__(self, stream):
        self._stream = stream
        self._terminal = stream.isatty()
        self._last = None

    def say(self, text):
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
        elif text != self._last:
            self._stream.write(text + "\n")
        self._last = text
        self._stream.flush()

    def measuring(self, number, count, cell, program, rep, reps):
        text = f"[{number + 1}/{count}] {cell.workload.suite}: {cell.workload.name}, {_workers(cell.workers)}"
        self.say(f"{text}: {program.name}, {rep} of {reps}" if self._terminal else text)

    def clear(self):
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _workers(count):
    return "1 worker" if count == 1 else f"{count} workers"


def _number(value):
    """Four significant digits, never in scientific notation."""
    magnitude = abs(value)
    decimals = next((d for d, least in enumerate((1000, 100, 10, 1, 0.1, 0.01)) if magnitude >= least), 6)
    return f"{value:.{decimals}f}"


def speedups(results):
    """(series, workers, min, median) of each program's speed-up over one worker, where that is a workload's point."""
    for cell in results.cells:
        if not cell.workload.speedup or cell.workers == 1:
            continue
        for many in results.of(cell):
            one = results.find(cell.workload.suite, cell.workload.name, 1, many.program.name)
            if one and many.values:
                yield many, cell.workers, one.min / many.min, one.median / many.median, min(
                    len(one.values), len(many.values)
                )


def _rows(results):
    """The table's rows; an empty one between cells."""
    factors = {id(series): (low, mid, reps) for series, _, low, mid, reps in speedups(results)}
    for cell in results.cells:
        measured = [s for s in results.of(cell) if s.values]
        ours = results.find(cell.workload.suite, cell.workload.name, cell.workers, programs.OURS)
        for s in measured:
            ratio = f"{ours.min / s.min:.3f}" if ours and s is not ours and s.min > 0 else ""
            name, workers, unit = cell.workload.name, str(cell.workers), cell.workload.unit
            yield [
                name,
                workers,
                s.program.name,
                unit,
                _number(s.min),
                _number(s.median),
                ratio,
                f"{s.peak_rss_mb:.1f}",
                str(len(s.values)),
            ]
        if measured:
            yield []
        fast = [s for s in measured if id(s) in factors]
        for s in fast:
            low, mid, reps = factors[id(s)]
            yield [
                f"{cell.workload.name}_speedup",
                str(cell.workers),
                s.program.name,
                "x",
                f"{low:.2f}",
                f"{mid:.2f}",
                "",
                "",
                str(reps),
            ]
        if fast:
            yield []


_HEAD = ["workload", "workers", "program", "unit", "min", "median", "weft/it", "peak MB", "reps"]
_LEFT = {0, 2, 3}  # columns of words
_RATIO = 6


def _style(stream):
    """bold, good, bad, plain: escape sequences on a terminal, else nothing."""
    if stream.isatty() and not os.environ.get("NO_COLOR"):
        return "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
    return "", "", "", ""


def print_table(results, stream):
    bold, good, bad, plain = _style(stream)
    rows = list(_rows(results))
    widths = [max(len(row[i]) for row in [_HEAD, *filter(None, rows)]) for i in range(len(_HEAD))]

    def line(row, before="", ratio_colour=""):
        cells = [text.ljust(w) if i in _LEFT else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths))]
        if ratio_colour:
            cells[_RATIO] = ratio_colour + cells[_RATIO] + plain
        print(before + "  ".join(cells).rstrip() + (plain if before else ""), file=stream)

    line(_HEAD, before=bold)
    for row in rows:
        if not row:
            print(file=stream)
        elif row[2] == programs.OURS:
            line(row, before=bold)
        else:
            line(row, ratio_colour=(good if float(row[_RATIO]) <= 1 else bad) if row[_RATIO] else "")
    print(
        "weft/it: our minimum over theirs, less is better. Minimum and median over `reps` processes each.\n",
        file=stream,
    )


def print_notes(results, absent, stream):
    """What is missing from the table, and why."""
    lines = [f"{peer}: {why}" for peer, why in absent.items()]
    for s in results.all():
        where = f"{s.program.name}: {s.cell.workload.name}, {_workers(s.cell.workers)}"
        lines += [f"{where}: {what}" for what in s.failures]
    if lines:
        print("Not measured:\n" + "\n".join(f"  {line}" for line in lines) + "\n", file=stream)


def print_verdicts(verdicts, stream):
    bold, good, bad, plain = _style(stream)
    for title, goal in (("Gates", False), ("Goals (not required yet)", True)):
        chosen = [v for v in verdicts if v.gate.goal == goal]
        if chosen:
            print(f"{bold}{title}{plain}", file=stream)
        for v in chosen:
            colour = {gates.MET: good, gates.MISSED: bad}.get(v.state, "")
            detail = v.reason or "measured " + ", ".join(f"{value:.3g}" for value in v.values)
            print(f"  {colour}{v.state:11}{plain}  {v.gate}; {detail}", file=stream)


def json_lines(results):
    """One object a line; a speed-up is one of its own, unit x, where more is better."""
    lines = [
        _object(s, s.cell.workload.name, s.cell.workload.unit, len(s.values), s.min, s.median, s.peak_rss_mb)
        for s in results.all()
        if s.values
    ]
    lines += [
        _object(s, f"{s.cell.workload.name}_speedup", "x", reps, low, mid, s.peak_rss_mb)
        for s, _, low, mid, reps in speedups(results)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _object(series, workload, unit, reps, low, mid, peak):
    return {
        "suite": series.cell.workload.suite,
        "workload": workload,
        "workers": series.cell.workers,
        "peer": series.program.name,
        "version": series.program.version,
        "unit": unit,
        "reps": reps,
        "min": low,
        "median": mid,
        "peak_rss_mb": round(peak, 1),
    }
