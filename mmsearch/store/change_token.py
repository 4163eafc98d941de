"""Whether an index has changed since somebody last looked, cheaply enough to be asked before every query.

Knows that the database changes with each commit; nothing of what is in it.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Literal, TypeAlias

from mmsearch.errors import IndexMissing
from mmsearch.store import schema

Stamp: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"
Change: TypeAlias = Literal["none", "commit", "replaced"]


def change_token(directory: str) -> Stamp:
    """What another commit makes another one of: the log, and the database into which the log is folded.

    A reader makes an empty log where there is none, which counts as none. Says nothing of whether there is an index.
    """
    found: list[tuple[int, int, int] | None] = []
    for name in (schema.DATABASE, f"{schema.DATABASE}-wal"):
        try:
            seen = os.stat(os.path.join(directory, name))
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns) if seen.st_size else None)
        except OSError:
            found.append(None)
    return tuple(found)


class ChangeWatcher:
    """Looks at the database of an index by a connection of its own, which holds no snapshot. Used from one thread."""

    def __init__(self, directory: str) -> None:
        """What is committed now is known. Raises IndexMissing where there is no index."""
        self._directory = directory
        self._file = (0, 0)
        self._version = 0
        self._db: sqlite3.Connection | None = None
        self.look()

    def look(self) -> Change:
        """What has happened since the last look: nothing, a commit, or another database in the place of the old one.

        Raises:
            IndexMissing: there is no index any more.
        """
        with schema.translated(self._directory):
            file = self._found()
            if self._db is None or file != self._file:
                self.close()
                self._db = schema.connect_reader(self._directory)
                self._file, self._version = file, self._read()
                return "replaced"
            before, self._version = self._version, self._read()
            return "none" if before == self._version else "commit"

    def close(self) -> None:
        """Give the connection back. Closing twice is fine."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _found(self) -> tuple[int, int]:
        try:
            found = os.stat(os.path.join(self._directory, schema.DATABASE))
        except (FileNotFoundError, NotADirectoryError):
            self.close()
            raise IndexMissing(f"the index in {self._directory} is gone") from None
        return found.st_dev, found.st_ino

    def _read(self) -> int:
        assert self._db is not None
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])
