"""What is deleted leaves the disk: texts, words, names, old databases and, where it was asked for, vectors.

Most of it goes with the commit that deletes it. What cannot is owed: the commit says so, and the writer that closes, or
the next one, pays. Knows the tables and which files hold what; not why something is deleted.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import suppress

from mmsearch.store import compaction, fulltext, page_checksums, schema
from mmsearch.store.database import Connection

_OWED = "owed"
"""Under this key the meta table holds what is still to be removed, of `_BACKUPS`, `_WORDS` and `_VECTORS`."""
_CLEAN = "clean"
"""Under this key it says that nothing is left of what was deleted by an mmsearch that did not overwrite it."""
_BACKUPS, _WORDS, _VECTORS = "backups", "words", "vectors"
_BACKUP = re.compile(re.escape(schema.BACKUP).replace(r"\{\}", "[0-9]+") + r"(\.tmp)?(-journal|-wal|-shm)?")
MOST_BYTES = 256 << 20
"""A vector file that is larger keeps deleted vectors until a merge or `--optimize`."""


def note(db: Connection, directory: str, tables: Iterable[fulltext.Table], wanted: bool) -> None:
    """To be called by a transaction after it has deleted.

    Args:
        db: in a transaction.
        directory: where the index lies.
        tables: of words, from which rows went.
        wanted: that somebody asked to forget, so that it may take longer.
    """
    owed = set(debts(db))
    left = [table for table in tables if not fulltext.expunge(db, table)]
    if left and wanted:
        owed.add(_WORDS)
    if wanted and db.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone():
        owed.add(_VECTORS)
    if _backups(directory):
        owed.add(_BACKUPS)
    _owe(db, owed)
    db.forgot = True


def _owe(db: sqlite3.Connection, owed: set[str]) -> None:
    if owed != set(debts(db)):
        schema.put_meta(db, _OWED, " ".join(sorted(owed)))


def debts(db: sqlite3.Connection) -> list[str]:
    """What is still to be removed."""
    return (schema.get_meta(db, _OWED) or "").split()


def pay(db: Connection, directory: str, dim: int) -> None:
    """Remove what is owed, and old databases; old vector files are left to whoever removes those that nobody lists.

    Raises:
        sqlite3.Error, OSError, IndexDamaged: it cannot be now.
    """
    owed = debts(db)
    if not owed:
        return
    if _VECTORS in owed:
        for group in compaction.plan_dead(db, dim, MOST_BYTES):
            compaction.run(db, directory, dim, group)
    remove_backups(directory)
    with schema.transaction(db):
        if _WORDS in owed:
            for table in fulltext.TABLES:
                fulltext.expunge(db, table, whole=True)
        _owe(db, {_BACKUPS} if _backups(directory) else set())
        db.forgot = True


def merge_words(db: Connection) -> None:
    """Be rid of the words of all that was deleted, however many there are."""
    if scattered := fulltext.scattered(db):
        with schema.transaction(db):
            for table in scattered:
                fulltext.expunge(db, table, whole=True)
            db.forgot = True


def _backups(directory: str) -> list[str]:
    with suppress(OSError):
        return [os.path.join(directory, name) for name in os.listdir(directory) if _BACKUP.fullmatch(name)]
    return []


def remove_backups(directory: str) -> None:
    """Remove the databases that migrations have left: they hold what is deleted since."""
    for path in _backups(directory):
        with suppress(OSError):
            os.unlink(path)


def start_clean(db: sqlite3.Connection) -> None:
    """Say that nothing was ever deleted from these tables without being overwritten."""
    schema.put_meta(db, _CLEAN, "1")


def clean(db: Connection, directory: str) -> None:
    """Overwrite, once, what an older mmsearch deleted; where that cannot be now, the next writer does it."""
    if schema.get_meta(db, _CLEAN):
        return
    with suppress(sqlite3.OperationalError):
        with schema.transaction(db):
            for table in fulltext.TABLES:
                fulltext.expunge(db, table, whole=True)
        page_checksums.discard(directory)  # for all pages are about to change
        db.execute("VACUUM")
        with schema.transaction(db):
            start_clean(db)
            db.forgot = True
