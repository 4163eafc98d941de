"""Detects whether an index has changed, cheaply enough to ask before every query.

Knows that the database changes with each commit; nothing about its contents.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import Literal, TypeAlias

from mmsearch.errors import IndexMissing
from mmsearch.store import schema

Stamps: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"
Change: TypeAlias = Literal["none", "commit", "replaced"]


def change_token(directory: str) -> Stamps:
    """A token of the database and its log that changes with every commit, also if there is no index.

    An empty log counts as none, since a reader makes one.
    """
    path = os.path.join(directory, schema.DATABASE)
    return tuple(stamp if stamp and stamp[1] else None for stamp in file_stamps([path, f"{path}-wal"]))


def file_stamps(paths: Iterable[str]) -> Stamps:
    """Inode, size and time of files, which change with every write; None for one that cannot be found."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            status = os.stat(path)
            stamps.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


class ChangeWatcher:
    """Watches the database of an index by a connection of its own, which holds no snapshot. Used from one thread."""

    def __init__(self, directory: str) -> None:
        """Start with the latest commit. Raises IndexMissing if there is no index."""
        self._directory = directory
        self._file = (0, 0)
        self._version = 0
        self._db: sqlite3.Connection | None = None
        self.look()

    def look(self) -> Change:
        """The change since the last call: none, a commit, or another database in the place of the old one.

        Raises:
            IndexMissing: there is no index any more.
        """
        with schema.translated(self._directory):
            try:
                status = os.stat(os.path.join(self._directory, schema.DATABASE))
            except (FileNotFoundError, NotADirectoryError):
                self.close()
                raise IndexMissing(f"the index in {self._directory} is gone") from None
            file, previous = (status.st_dev, status.st_ino), self._version
            replaced = self._db is None or file != self._file
            if self._db is None or replaced:
                self.close()
                self._db = schema.connect_reader(self._directory)
                self._file = file
            self._version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if replaced:
                return "replaced"
            return "none" if previous == self._version else "commit"

    def close(self) -> None:
        """Close the connection. Closing twice is fine."""
        if self._db is not None:
            self._db.close()
            self._db = None
