"""Connections to the database, and its file beside them.

On POSIX systems whoever closes a file drops the locks that its process holds on it, by whatever handle they were taken:
SQLite's too, after which another process may take the log away from under our readers. So a handle on the database is
kept until no connection to it is left in this process. Knows nothing of what is in the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from mmsearch.store import schema_check
from mmsearch.system.safe_open import NOFOLLOW, regular


class Connection(schema_check.Connection):
    """A connection that is counted; one that writes keeps the log short and the checksums of pages up to date.

    Attributes:
        forgot: set inside a transaction that takes away what somebody may want to be gone for good.
        on_commit: called after each commit, with `forgot`.
        on_close: called before it closes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forgot = False
        self.on_commit: Callable[[bool], None] | None = None
        self.on_close: Callable[[], None] | None = None
        self.file: tuple[int, int] | None = None

    def committed(self) -> None:
        """To be called after each commit."""
        forgot, self.forgot = self.forgot, False
        if self.on_commit is not None:
            self.on_commit(forgot)

    def close(self) -> None:
        """Close it, and then the handles that were kept for its sake. Closing twice is fine."""
        last, self.on_close, self.on_commit = self.on_close, None, None
        try:
            if last is not None:
                last()
        finally:
            super().close()
            _handles.closed(self)


class _Handles:
    """The handles on databases that this process keeps, and the connections for whose sake."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: WeakSet[Connection] = WeakSet()
        self._kept: dict[tuple[int, int], int] = {}

    def opened(self, db: Connection, path: str) -> None:
        with self._lock:
            with suppress(OSError):
                db.file = _identity(os.stat(path))
            self._connections.add(db)

    def closed(self, db: Connection) -> None:
        with self._lock:
            self._connections.discard(db)
            used = {one.file for one in self._connections}
            for file in [file for file in self._kept if file not in used]:
                os.close(self._kept.pop(file))

    def handle(self, path: str) -> int:
        with self._lock:
            kept = self._kept.get(_identity(os.stat(path)))
            if kept is not None:
                return kept
            try:
                handle = regular(path, os.O_RDWR | NOFOLLOW)
            except PermissionError:
                handle = regular(path, os.O_RDONLY | NOFOLLOW)
            # Should it have been exchanged meanwhile for one that is kept, then one handle too many stays open.
            self._kept.setdefault(_identity(os.fstat(handle)), handle)
            return handle


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


_handles = _Handles()


def connect(path: str, name: str = "", **kwargs: Any) -> Connection:
    """A connection to the database at a path, by a name that SQLite is given for it (the path itself by default)."""
    db = sqlite3.connect(name or path, factory=Connection, **kwargs)
    _handles.opened(db, path)
    return db


def handle(path: str) -> int:
    """A handle on the database's file for reading, and for writing where that may be, which nobody may close.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    return _handles.handle(path)
