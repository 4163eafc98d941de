"""Puts the log of the database away, and keeps the checksums of its pages in step.

SQLite would do the first by itself, but would neither say which pages change nor empty the log of what was deleted. A
page may be read and overwritten here only while it is certain that it lies in the database alone: the log is empty, and
the write lock is ours. Whatever fails is tried again after the next commit, or by the next writer.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress

from mmsearch.store import database, page_checksums
from mmsearch.store.page_checksums import PageChecksums

_DUE_PAGES = 1000
"""As SQLite does by itself."""
_READERS_MOVE_ON = 1.5
"""Seconds: a server goes on to what was committed every second."""


class WalCheckpoints:
    """Of one connection that writes, in WAL mode and with no checkpoints of its own.

    Args:
        db: the connection.
        directory: where the database lies.
        path: of the database.
    """

    def __init__(self, db: sqlite3.Connection, directory: str, path: str) -> None:
        self._db = db
        self._directory = directory
        self._path = path
        self._log = f"{path}-wal"
        (self._page_size,) = db.execute("PRAGMA page_size").fetchone()
        (self._busy_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
        self._forgot = False
        self._tried = 0
        """Bytes of the log when it could not be put away, for a reader is at something older."""

    def start(self) -> None:
        """Put away what a killed writer has left, and see to it that there are sums."""
        with suppress(sqlite3.Error, OSError):
            if self._size():
                self._forgot = True
                self._run()
            if not self._size():
                sums = self._valid()
                if sums is None or sums.untidy:
                    self._record(None, None)

    def committed(self, forgot: bool) -> None:
        """Put the log away if it is long, or holds what is forgotten now."""
        self._forgot = self._forgot or forgot
        least = 0 if self._forgot else _DUE_PAGES * self._page_size
        with suppress(sqlite3.Error, OSError):
            if self._size() > max(least, 2 * self._tried):
                self._run()

    def finish(self) -> None:
        """Put the log away, if the readers let us; for what is forgotten those of a server are waited for a little."""
        end = time.monotonic() + _READERS_MOVE_ON
        while True:
            with suppress(sqlite3.Error, OSError):
                if self._size():
                    self._run()
            if not self._forgot or time.monotonic() > end:
                return
            time.sleep(0.05)

    def _size(self) -> int:
        try:
            return os.stat(self._log).st_size
        except FileNotFoundError:
            return 0

    def _valid(self) -> PageChecksums | None:
        """The sums, if they are of the database as it is without its log."""
        sums = page_checksums.load(self._directory)
        if sums is None or sums.page_size != self._page_size:
            return None
        return sums if sums.state == page_checksums.state_in(database.handle(self._path)) else None

    def _run(self) -> None:
        size, sums, changed = self._size(), self._valid(), page_checksums.in_log(self._log)
        try:
            self._db.execute("PRAGMA busy_timeout = 0")  # no reader is waited for
            busy, frames, done = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {self._busy_ms}")
        self._tried = size if busy else 0
        if not busy:
            self._forgot = False
        if frames == done >= 0:
            self._record(sums, changed)

    def _record(self, sums: PageChecksums | None, changed: set[int] | None) -> None:
        """Take in the pages that have changed, all without `sums`; wipe them where nobody else may write."""
        try:
            self._db.execute("BEGIN IMMEDIATE")  # inside, for Ctrl-C may come right after it
            handle = database.handle(self._path)
            (state,) = self._db.execute("PRAGMA user_version").fetchone()
            if page_checksums.state_in(handle) != state:  # another program has committed since
                page_checksums.discard(self._directory)
                return
            count = os.fstat(handle).st_size // self._page_size
            if sums is None:
                sums, changed = PageChecksums(self._page_size, state, bytearray()), None
            fresh = set(range(len(sums) + 1, count + 1))
            numbers = sorted(fresh.union(number for number in changed or () if number <= count))
            sums.state = state
            sums.resize(count)
            self._take(handle, sums, numbers)
            sums.save(self._directory)
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _take(self, handle: int, sums: PageChecksums, numbers: list[int]) -> None:
        alone, wiped = not self._size(), False
        for number in numbers:
            page = page_checksums.read(handle, number, self._page_size)
            rest = page_checksums.left_over(number, page, len(sums))
            if rest is not None and alone:
                page, wiped = page_checksums.wipe(handle, number, page, rest), True
            elif rest is not None:
                sums.untidy = True  # the next writer looks at all pages
            sums.put(number, page)
        if wiped:
            os.fsync(handle)
