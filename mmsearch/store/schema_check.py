"""Opening a database that anybody may have written: an index can come in an archive or lie in a shared folder.

SQLite follows what it finds: a view or a trigger under the name of a table, pages that form a ring. All of that is
refused before any of it is used, or ended. Knows which tables an index of each format has by a digest of their
declarations alone; nothing of what is in them.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias

from mmsearch.errors import IndexDamaged

Declared: TypeAlias = "tuple[str, str, str | None]"
"""Type, name and SQL of an entry of `sqlite_master`."""

_STEPS = 1 << 20
"""Instructions of SQLite's machine between two looks at how much a statement has taken: some 10 ms."""
_LEAST_LOOKS = 64
_STEPS_A_BYTE = 100
"""So much more than any statement takes of a database of some size; one whose pages form a ring has no end."""
_LIMITS = {
    "SQLITE_LIMIT_LENGTH": 1 << 29,
    "SQLITE_LIMIT_SQL_LENGTH": 1 << 20,
    "SQLITE_LIMIT_COLUMN": 100,
    "SQLITE_LIMIT_EXPR_DEPTH": 100,
    "SQLITE_LIMIT_COMPOUND_SELECT": 10,
    "SQLITE_LIMIT_TRIGGER_DEPTH": 10,
    "SQLITE_LIMIT_LIKE_PATTERN_LENGTH": 1000,
}
DECLARED: dict[int, str] = {
    1: "4b296066c1a5ac13",
    2: "e983f158607cc931",
    3: "f3a4c2f9543eaf35",
    4: "d3218ccbae7300bd",
    5: "ec54163ede53172c",
}
"""By format the digest of all that is declared; a test computes them from the migrations."""
_SHADOW = re.compile(r"(passages|names)_(data|idx|content|docsize|config)")
_ALIEN = re.compile(r"\b(CHECK|DEFAULT|GENERATED|AS|COLLATE|REFERENCES|TRIGGER|SELECT)\b", re.IGNORECASE)
"""Words that no declaration of an inner table of FTS5 has; the rest of it is for SQLite's own version to say."""


class OtherTables(IndexDamaged):
    """The tables are of an index, but not those that mmsearch makes; `--rebuild` may replace them."""


class Connection(sqlite3.Connection):
    """A connection whose statements end: each has a number of steps that grows with the database."""

    _looks = 0
    _path = ""

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._looks = 0
        return super().execute(*args)

    def guard(self, path: str) -> None:
        """Trust nothing that the database at `path` declares, and end statements that take too long for its size."""
        self._path = path
        for name, most in _LIMITS.items():
            if hasattr(self, "setlimit") and hasattr(sqlite3, name):  # from Python 3.11 on
                self.setlimit(getattr(sqlite3, name), most)
        if hasattr(self, "setconfig"):  # from Python 3.12 on
            self.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            super().execute(f"PRAGMA {pragma}")
        self.set_progress_handler(self._look, _STEPS)

    def _look(self) -> bool:
        """Whether the statement has taken more than any should."""
        self._looks += 1
        return self._looks > _LEAST_LOOKS and self._looks > _STEPS_A_BYTE * self._size() // _STEPS

    def _size(self) -> int:
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += os.stat(self._path + suffix).st_size
        return total


def declared(db: sqlite3.Connection) -> tuple[Declared, ...]:
    """All that a database declares; it reads no table but the list of them."""
    return tuple(db.execute("SELECT type, name, sql FROM sqlite_master"))


@lru_cache(maxsize=16)
def digest(entries: tuple[Declared, ...]) -> str:
    """The same for the same declarations, but for white space; inner tables of SQLite go by their names."""
    lines = []
    for kind, name, sql in entries:
        if name.startswith("sqlite_"):
            continue
        inner = _SHADOW.fullmatch(name) is not None and not _ALIEN.search(sql or "")
        lines.append(f"{kind} {name} {'' if inner else ' '.join((sql or '').split())}")
    return hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=8).hexdigest()


def require_declared(db: sqlite3.Connection, entries: tuple[Declared, ...], expected: str, where: str) -> None:
    """Make sure that a database declares what is expected, as UTF-8 throughout.

    Raises:
        OtherTables: it declares something else, such as a view in the place of a table.
    """
    if any(kind not in ("table", "index") for kind, _, _ in entries) or digest(entries) != expected:
        raise OtherTables(f"the tables in {where} are not those that mmsearch makes: add --rebuild to `mmsearch index`")
    (encoding,) = db.execute("PRAGMA encoding").fetchone()
    if encoding != "UTF-8":
        raise OtherTables(f"the texts in {where} are {encoding}, not UTF-8: add --rebuild to `mmsearch index`")
