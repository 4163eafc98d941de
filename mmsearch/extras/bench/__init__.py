"""Speed and memory of models: each in a process of its own, cell by cell, a table at the end.

`job` defines a job and a row of its results, `process` starts the processes and puts the table together, `worker` is
their program, `measure` measures a loaded model, `report` and `plot` present the rows, and `forecast` estimates an
index run. Knows nothing of the command line, and of models only their interface.
"""

from __future__ import annotations

from enum import Enum


class BenchFormat(str, Enum):
    """The formats in which rows can be written; here because every command loads it with the options."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"


def duration(seconds: float) -> str:
    """A duration for people: `40 s`, `12 min`, `3.5 h`, `12 days`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"
