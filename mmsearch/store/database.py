"""Connections to the database of an index, which anybody may have written.

SQLite follows what it finds: a view or a trigger under the name of a table, pages that form a ring. All of that is
refused before any of it is used, or ended. And on POSIX systems, closing a file drops all locks that its process holds
on it, SQLite's too, after which another process may remove the log under our readers. So a handle on the database is
kept until this process has no connection to it left. Knows which tables an index of each format has by a digest of
their declarations alone; nothing about their contents.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, TypeVar
from weakref import WeakSet

from mmsearch.errors import IndexDamaged
from mmsearch.system.safe_open import NOFOLLOW, regular

T = TypeVar("T")
Declaration: TypeAlias = "tuple[str, str, str | None]"
"""Type, name and SQL of an entry of `sqlite_master`."""

_STEPS = 1 << 20
"""Instructions of SQLite's machine between two checks of how much a statement has taken: some 10 ms."""
_LEAST_CHECKS = 64
_STEPS_A_BYTE = 100
"""Far more than any statement takes of a database of some size; one whose pages form a ring has no end."""
_LIMITS = {
    "SQLITE_LIMIT_LENGTH": 1 << 29,
    "SQLITE_LIMIT_SQL_LENGTH": 1 << 20,
    "SQLITE_LIMIT_COLUMN": 100,
    "SQLITE_LIMIT_EXPR_DEPTH": 100,
    "SQLITE_LIMIT_COMPOUND_SELECT": 10,
    "SQLITE_LIMIT_TRIGGER_DEPTH": 10,
    "SQLITE_LIMIT_LIKE_PATTERN_LENGTH": 1000,
}
_PARAMETERS = 500
"""Of one statement; SQLite may be built to take no more than 999."""
DIGESTS: dict[int, str] = {
    1: "4b296066c1a5ac13",
    2: "e983f158607cc931",
    3: "f3a4c2f9543eaf35",
    4: "d3218ccbae7300bd",
    5: "ec54163ede53172c",
    6: "f736a17f598aa7b6",
}
"""By format the digest of all declarations; a test computes them from the migrations."""
_SHADOW = re.compile(r"(passages|names)_(data|idx|content|docsize|config)")
_ALIEN = re.compile(r"\b(CHECK|DEFAULT|GENERATED|AS|COLLATE|REFERENCES|TRIGGER|SELECT)\b", re.IGNORECASE)
"""Words that no declaration of an inner table of FTS5 has; the rest of it depends on SQLite's version."""


class OtherTables(IndexDamaged):
    """The tables are of an index, but not those that mmsearch makes; `--rebuild` may replace them."""


# --- connections ---


class Connection(sqlite3.Connection):
    """A connection whose statements end: each may take a number of steps that grows with the database.

    Attributes:
        forgot: set inside a transaction that deletes something that must not be left on the disk.
        on_commit: called after each commit, with `forgot`.
        on_close: called before it closes.
    """

    _checks = 0
    _path = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forgot = False
        self.on_commit: Callable[[bool], None] | None = None
        self.on_close: Callable[[], None] | None = None
        self.file: tuple[int, int] | None = None

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._checks = 0
        return super().execute(*args)

    def guard(self, path: str) -> None:
        """Trust nothing that the database at `path` declares, and end statements that take too long for its size."""
        self._path = path
        for name, limit in _LIMITS.items():
            if hasattr(self, "setlimit") and hasattr(sqlite3, name):  # from Python 3.11 on
                self.setlimit(getattr(sqlite3, name), limit)
        if hasattr(self, "setconfig"):  # from Python 3.12 on
            self.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            super().execute(f"PRAGMA {pragma}")
        self.set_progress_handler(self._takes_too_long, _STEPS)

    def _takes_too_long(self) -> bool:
        self._checks += 1
        if self._checks <= _LEAST_CHECKS:
            return False
        size = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                size += os.stat(self._path + suffix).st_size
        return self._checks > _STEPS_A_BYTE * size // _STEPS

    def committed(self) -> None:
        """Call this after each commit."""
        forgot, self.forgot = self.forgot, False
        if self.on_commit is not None:
            self.on_commit(forgot)

    def close(self) -> None:
        """Close it, and then the handles that it needed. Closing twice is fine."""
        on_close, self.on_close, self.on_commit = self.on_close, None, None
        try:
            if on_close is not None:
                on_close()
        finally:
            super().close()
            with _lock:
                _connections.discard(self)
                used = {connection.file for connection in _connections}
                for file in [file for file in _handles if file not in used]:
                    os.close(_handles.pop(file))


_lock = threading.Lock()
_connections: WeakSet[Connection] = WeakSet()
"""The open connections of this process."""
_handles: dict[tuple[int, int], int] = {}
"""The handles on databases that this process keeps, by device and inode."""


def connect(path: str, name: str = "", **kwargs: Any) -> Connection:
    """A connection to the database at a path, by a name that SQLite is given for it (the path itself by default)."""
    db = sqlite3.connect(name or path, factory=Connection, **kwargs)
    with _lock:
        with suppress(OSError):
            db.file = _identity(os.stat(path))
        _connections.add(db)
    return db


def handle(path: str) -> int:
    """A handle on the database's file to read, and to write if permitted; the caller must not close it.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    with _lock:
        existing = _handles.get(_identity(os.stat(path)))
        if existing is not None:
            return existing
        try:
            descriptor = regular(path, os.O_RDWR | NOFOLLOW)
        except PermissionError:
            descriptor = regular(path, os.O_RDONLY | NOFOLLOW)
        # If the file was replaced meanwhile by one that is kept already, one handle too many stays open.
        _handles.setdefault(_identity(os.fstat(descriptor)), descriptor)
        return descriptor


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


# --- statements ---


def batches(values: Iterable[T]) -> Iterator[Sequence[T]]:
    """Pieces that fit into the parameters of one statement; no more values are taken than are asked for."""
    remaining = iter(values)
    while batch := list(islice(remaining, _PARAMETERS)):
        yield batch


def placeholders(values: Sequence[object]) -> str:
    """As many question marks."""
    return ",".join("?" * len(values))


# --- declarations ---


def declarations(db: sqlite3.Connection) -> tuple[Declaration, ...]:
    """All that a database declares; this reads no table but the list of them."""
    return tuple(db.execute("SELECT type, name, sql FROM sqlite_master"))


@lru_cache(maxsize=16)
def digest(entries: tuple[Declaration, ...]) -> str:
    """The same for the same declarations, except for white space; inner tables of SQLite count by their names."""
    lines = []
    for kind, name, sql in entries:
        if name.startswith("sqlite_"):
            continue
        inner = _SHADOW.fullmatch(name) is not None and not _ALIEN.search(sql or "")
        lines.append(f"{kind} {name} {'' if inner else ' '.join((sql or '').split())}")
    return hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=8).hexdigest()


def require_declarations(
    db: sqlite3.Connection, entries: tuple[Declaration, ...], expected: str, directory: str
) -> None:
    """Check that a database declares the tables and indexes of this digest and nothing else, as UTF-8.

    Raises:
        OtherTables: it declares something else, such as a view in the place of a table.
    """
    if any(kind not in ("table", "index") for kind, _, _ in entries) or digest(entries) != expected:
        raise OtherTables(
            f"the tables in {directory} are not those that mmsearch makes: add --rebuild to `mmsearch index`"
        )
    (encoding,) = db.execute("PRAGMA encoding").fetchone()
    if encoding != "UTF-8":
        raise OtherTables(f"the texts in {directory} are {encoding}, not UTF-8: add --rebuild to `mmsearch index`")
