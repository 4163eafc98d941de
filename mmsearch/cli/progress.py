"""Progress of an index run on stderr: a bar on a terminal, nothing but failures elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mmsearch.cli.common import complain
from mmsearch.errors import MmsearchError
from mmsearch.render import harmless

REFRESH_SECONDS = 0.1
FORECAST_AFTER = 1.0
"""Seconds; shorter runs are not worth looking ahead in."""
SHOWN_FAILURES = 20
"""So many are told as they happen; the rest is listed by `status --failures`."""


@dataclass(slots=True)
class Work:
    """Files that have to be read, and their bytes."""

    files: int = 0
    bytes: int = 0


class Quiet:
    """Tells failures as they happen, nothing else."""

    def __init__(self) -> None:
        self.failures = 0

    def past(self, path: str, count: int) -> None:
        pass

    def done(self, path: str, size: int) -> None:
        pass

    def failure(self, path: str, reason: str) -> None:
        self.failures += 1
        if self.failures <= SHOWN_FAILURES:
            complain(f"failed: {path}: {reason}")
        elif self.failures == SHOWN_FAILURES + 1:
            complain("more failures are not shown here")


class Live(Quiet):
    """Adds a bar with what is done, the rate, the time left and the current file.

    `total` is what a look ahead has counted, and grows while `counting` is set.
    """

    def __init__(self, bar: Any) -> None:
        super().__init__()
        self.bar = bar
        self.line = bar.add_task("looking for files", total=None)
        self.seen = 0
        self.read = Work()
        self.total = Work()
        self.counting = True
        self.began = time.monotonic()
        self.shown = 0.0

    def past(self, path: str, count: int) -> None:
        self.seen += count
        self._show(path)

    def done(self, path: str, size: int) -> None:
        self.read.files += 1
        self.read.bytes += size
        self._show(path)

    def look_ahead(self, sizes: Iterable[int]) -> None:
        """Count the files to be read, given by their sizes; runs beside the work."""
        with suppress(MmsearchError, OSError):  # the run meets the same, and says so
            for bytes_more in sizes:
                self.total.files += 1
                self.total.bytes += bytes_more
            self.counting = False

    def _show(self, path: str) -> None:
        now = time.monotonic()
        if now - self.shown < REFRESH_SECONDS:
            return
        self.shown = now
        total = None if self.counting else self.total
        done = told(self.read, total, now - self.began) or f"{self.seen} files"
        parts = [done, f"{self.failures} failed", harmless(path)]
        share = share_of(self.read, total) if total else None
        self.bar.update(
            self.line, description="  ".join(parts), total=None if share is None else 1.0, completed=share or 0.0
        )


def share_of(done: Work, total: Work) -> float:
    """How much of the work is done, 0 to 1: small files cost by number, large ones by size, so the mean of both."""
    files = done.files / max(1, total.files)
    return min(1.0, (files + done.bytes / max(1, total.bytes)) / 2)


def told(done: Work, total: Work | None, seconds: float) -> str:
    """What is done after so many seconds, at which rate, and, where the total is known, how long the rest takes."""
    if not done.files:
        return ""
    rate = f"{done.files / seconds:.3g} files/s" if seconds >= 1 else ""
    if total is None:
        parts = [f"{done.files} files", size(done.bytes), rate]
    else:
        parts = [f"{done.files} of {total.files} files", f"{size(done.bytes)} of {size(total.bytes)}", rate]
        share = share_of(done, total)
        parts += [f"{clock(seconds * (1 - share) / share)} left"] if seconds >= 1 and share else []
    return ", ".join(part for part in parts if part)


def size(count: float) -> str:
    """Bytes for people: `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def clock(seconds: float) -> str:
    """A duration for people: `40 s`, `12 min`, `3 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def listening(sizes: Callable[[], Iterable[int]] | None = None) -> Iterator[Quiet]:
    """A listener that suits stderr.

    Args:
        sizes: goes through the files that have to be read, in a thread of its own; None where that is not known.
    """
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=10) as bar:
        live = Live(bar)
        timer = threading.Timer(FORECAST_AFTER, lambda: live.look_ahead(sizes()) if sizes else None)
        timer.daemon = True
        timer.start()
        try:
            yield live
        finally:
            timer.cancel()
