"""Progress of an index run on stderr: a live line on a terminal, nothing but failures elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmsearch.cli.common import complain
from mmsearch.render import harmless

REFRESH_SECONDS = 0.1
SHOWN_FAILURES = 20
"""So many are told as they happen; the rest is listed by `status --failures`."""


class Quiet:
    """Tells failures as they happen, nothing else."""

    def __init__(self) -> None:
        self.files = 0
        self.failures = 0

    def file(self, path: str) -> None:
        self.files += 1

    def done(self, path: str, size: int) -> None:
        pass

    def failure(self, path: str, reason: str) -> None:
        self.failures += 1
        if self.failures <= SHOWN_FAILURES:
            complain(f"failed: {path}: {reason}")
        elif self.failures == SHOWN_FAILURES + 1:
            complain("more failures are not shown here")


class Live(Quiet):
    """Adds a line with the count and the current file."""

    def __init__(self, status: Any) -> None:
        super().__init__()
        self.status = status
        self.shown = 0.0

    def file(self, path: str) -> None:
        super().file(path)
        now = time.monotonic()
        if now - self.shown > REFRESH_SECONDS:
            from rich.text import Text

            self.shown = now
            self.status.update(Text(f"{self.files} files, {self.failures} failed  {harmless(path)}", no_wrap=True))


@contextmanager
def listening() -> Iterator[Quiet]:
    """A listener that suits stderr."""
    if not sys.stderr.isatty():
        yield Quiet()
        return
    from rich.console import Console

    with Console(stderr=True).status("looking for files") as status:
        yield Live(status)
