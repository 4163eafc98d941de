"""Progress of an index run on stderr: a bar on a terminal, nothing but failures elsewhere.

Long runs are announced: the files to read, in which batches, and how long it will take; after a minute again, by
the speed so far. This is shown on a terminal, and elsewhere with `--progress`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmsearch.cli.common import log_line
from mmsearch.errors import MmsearchError
from mmsearch.extras.bench import duration
from mmsearch.output.tables import harmless

if TYPE_CHECKING:
    from mmsearch.extras.bench.forecast import Kind
    from mmsearch.scan import Entry
    from mmsearch.types import Embedder, Modality

REFRESH_SECONDS = 0.1
FORECAST_AFTER = 1.0
"""Seconds; shorter runs are not worth a forecast."""
LONG_SECONDS = 60.0
"""Shorter runs are not announced."""
CORRECT_AFTER = 60.0
"""Seconds after which a run shows its real speed."""
SHOWN_FAILURES = 20
"""The first ones are shown as they happen; `status --failures` lists all."""


@dataclass(slots=True)
class Work:
    """Files that have to be read, and their bytes."""

    files: int = 0
    bytes: int = 0


class RunForecast:
    """The work of a run, counted in parallel by `count`, and announced if it is long.

    `work` grows while `counting` is set.
    """

    def __init__(self, files: Callable[[], Iterable[Entry]], embedder: Embedder, jobs: int) -> None:
        self.work = Work()
        self.counting = True
        self.expected: float | None = None
        self._files = files
        self._embedder = embedder
        self._jobs = jobs

    def count(self) -> None:
        """Count the files to be read and announce a long run; runs in a thread of its own."""
        from mmsearch.extras.bench.forecast import NAMES, Expectation, Kind, kind_by_name
        from mmsearch.types import Preloadable

        kinds: dict[Modality, Kind] = {}
        with suppress(MmsearchError, OSError):  # the run meets the same error and reports it
            for entry in self._files():
                self.work.files += 1
                self.work.bytes += entry.size
                kind = kinds.setdefault(kind_by_name(entry.path), Kind())
                kind.files += 1
                kind.bytes += entry.size
            self.counting = False
        if self.counting or not self.work.files:
            return
        with suppress(Exception):  # a failed forecast must not be seen, least of all as a traceback
            embedder = self._embedder.wait() if isinstance(self._embedder, Preloadable) else self._embedder
            expectation = Expectation(embedder, self._jobs)
            seconds = expectation.seconds(kinds)
            if seconds >= LONG_SECONDS:
                self.expected = seconds
                by_number = sorted(kinds, key=lambda kind: -kinds[kind].files)
                files = ", ".join(f"{kinds[kind].files:,} {NAMES[kind]}" for kind in by_number)
                parts = [f"{files} to read with {self._embedder.spec.name}", expectation.batches(kinds)]
                log_line(", ".join([*filter(None, parts), f"about {duration(seconds)} expected"]))

    def correct(self, done: Work, seconds: float) -> None:
        """Show the remaining work after so many seconds, if the run was announced."""
        if self.expected is not None and done.files:
            line = progress_line(done, self.work, seconds)
            log_line(f"after {duration(seconds)}: {line}; {duration(self.expected)} were expected")


class Quiet:
    """Shows failures as they happen, and counts the files that are done."""

    def __init__(self) -> None:
        self.failures = 0
        self.read = Work()
        self.began = time.monotonic()

    def past(self, path: str, count: int) -> None:
        pass

    def done(self, path: str, size: int) -> None:
        self.read.files += 1
        self.read.bytes += size

    def failure(self, path: str, reason: str) -> None:
        self.failures += 1
        if self.failures <= SHOWN_FAILURES:
            log_line(f"failed: {path}: {reason}")
        elif self.failures == SHOWN_FAILURES + 1:
            log_line("more failures are not shown here")


class Live(Quiet):
    """Adds a bar with the files that are done, the rate, the time left and the current file."""

    def __init__(self, bar: Any, forecast: RunForecast | None) -> None:
        super().__init__()
        self.bar = bar
        self.line = bar.add_task("looking for files", total=None)
        self.forecast = forecast
        self.passed = 0
        self.shown = 0.0

    def past(self, path: str, count: int) -> None:
        self.passed += count
        self._show(path)

    def done(self, path: str, size: int) -> None:
        super().done(path, size)
        self._show(path)

    def _show(self, path: str) -> None:
        now = time.monotonic()
        if now - self.shown < REFRESH_SECONDS:
            return
        self.shown = now
        total = self.forecast.work if self.forecast and not self.forecast.counting else None
        line = progress_line(self.read, total, now - self.began) or f"{self.passed} files"
        share = share_of(self.read, total) if total else None
        self.bar.update(
            self.line,
            description="  ".join([line, f"{self.failures} failed", harmless(path)]),
            total=None if share is None else 1.0,
            completed=share or 0.0,
        )


def share_of(done: Work, total: Work) -> float:
    """The finished share of the work, 0 to 1: the mean by number and by size, as small files cost by number."""
    files = done.files / max(1, total.files)
    return min(1.0, (files + done.bytes / max(1, total.bytes)) / 2)


def progress_line(done: Work, total: Work | None, seconds: float) -> str:
    """The work done after so many seconds, its rate, and the time left if the total is known."""
    if not done.files:
        return ""
    rate = f"{done.files / seconds:.3g} files/s" if seconds >= 1 else ""
    if total is None:
        parts = [f"{done.files} files", byte_size(done.bytes), rate]
    else:
        parts = [f"{done.files} of {total.files} files", f"{byte_size(done.bytes)} of {byte_size(total.bytes)}", rate]
        share = share_of(done, total)
        parts += [f"{duration(seconds * (1 - share) / share)} left"] if seconds >= 1 and share else []
    return ", ".join(filter(None, parts))


def byte_size(count: float) -> str:
    """A size for people: `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


@contextmanager
def listening(forecast: RunForecast | None = None, always: bool = False) -> Iterator[Quiet]:
    """A listener that suits stderr.

    Args:
        forecast: counts the files to read; None if they are not known.
        always: announce long runs even if stderr is no terminal.
    """
    if not sys.stderr.isatty():
        quiet = Quiet()
        with _forecasting(forecast if always else None, quiet):
            yield quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=10) as bar:
        live = Live(bar, forecast)
        with _forecasting(forecast, live):
            yield live


@contextmanager
def _forecasting(forecast: RunForecast | None, listener: Quiet) -> Iterator[None]:
    """Start the count soon, unless the run is over before, and the correction after a minute."""
    if forecast is None:
        yield
        return
    later = threading.Timer(CORRECT_AFTER, lambda: forecast.correct(listener.read, time.monotonic() - listener.began))
    timers = [threading.Timer(FORECAST_AFTER, forecast.count), later]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


@contextmanager
def counting(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal for `total` things, nothing elsewhere; call the result as `on_progress(n)`: n more done."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=10) as bar:
        line = bar.add_task(name, total=total)
        yield lambda count: bar.advance(line, count)
