"""A stopwatch with one hand for each stage of a run, so that a report can name the slowest stage.

Knows only the names of the stages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

STAGES = ("scan", "read", "decode", "load", "preprocess", "forward", "commit", "idle")


class StageTimer:
    """Seconds by stage. The main thread is always in one stage, at first `scan`; other processes' time is added."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._current = "scan"
        self._since = time.perf_counter()

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Counts the time inside the block for `stage` instead of the current stage."""
        previous = self._switch(stage)
        try:
            yield
        finally:
            self._switch(previous)

    def add(self, stage: str, seconds: float) -> None:
        """Adds time that passed in another process."""
        self._seconds[stage] += seconds

    def move(self, stage: str, seconds: float) -> None:
        """Counts so much of the time that ran on the current stage for another one."""
        self._seconds[self._current] -= seconds
        self._seconds[stage] += seconds

    def table(self) -> dict[str, float]:
        """Seconds by stage, up to now."""
        self._switch(self._current)
        return dict(self._seconds)

    def _switch(self, stage: str) -> str:
        now = time.perf_counter()
        self._seconds[self._current] += now - self._since
        self._since = now
        previous, self._current = self._current, stage
        return previous
