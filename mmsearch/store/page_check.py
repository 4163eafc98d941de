"""Whether the pages of the database are as they were written, asked while others may read and write.

No writer is waited for and none is kept waiting for long. Where it cannot be told, that is told. Knows nothing of what
the pages hold.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mmsearch.errors import MmsearchError
from mmsearch.store import database, page_checksums, schema
from mmsearch.store.lock import LOCK, WriteLock
from mmsearch.store.page_checksums import PageChecksums

TOLD = 3
"""Pages named among those that differ; the rest are counted."""
_PAUSE = 0.1
"""Seconds until what differs is looked at once more."""


def problems(
    db: sqlite3.Connection, directory: str, told: Callable[[str], None] | None = None, *, locked: bool = False
) -> Iterator[str]:
    """What differs, one line each.

    Args:
        db: a connection to the database.
        directory: where it lies.
        told: hears in one line why the pages could not be compared.
        locked: that the caller holds the lock of the index.
    """
    with _locked(directory, locked):
        found = _compared(db, directory)
        if not isinstance(found, str) and found:
            time.sleep(_PAUSE)  # what somebody was writing just then is written by now
            again = _compared(db, directory)
            found = again if isinstance(again, str) else [line for line in found if line in again]
    if isinstance(found, str):
        if told is not None:
            told(f"the pages of {schema.DATABASE} were not compared with their checksums: {found}")
        return
    yield from found[:TOLD]
    if len(found) > TOLD:
        yield f"{len(found) - TOLD} more pages are not as they were written"


@contextmanager
def _locked(directory: str, already: bool) -> Iterator[None]:
    """With the lock of the index if it is free; else we look whether something has changed meanwhile."""
    lock, path = None, os.path.join(directory, LOCK)
    if not already and os.access(path, os.W_OK):  # where there is none, nobody has written
        with suppress(MmsearchError, OSError):
            lock = WriteLock(directory)
            lock.acquire(None, 0)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _compared(db: sqlite3.Connection, directory: str) -> list[str] | str:
    """What differs, or why that cannot be told."""
    sums = page_checksums.load(directory)
    if sums is None:
        return "there are none that can be read; the next `mmsearch index` writes them"
    path = os.path.join(directory, schema.DATABASE)
    try:
        handle, before = database.handle(path), _stamp(directory)
        newer = page_checksums.in_log(f"{path}-wal")
        found = _differing(db, handle, sums, newer)
        after = _stamp(directory)
    except OSError as error:
        return str(error.strerror or error)
    return found if before == after else "somebody was writing"


def _differing(db: sqlite3.Connection, handle: int, sums: PageChecksums, newer: set[int]) -> list[str] | str:
    if page_checksums.state_in(handle) != sums.state:
        if not newer and schema.get_meta(db, schema.STATE) == str(sums.state):
            return ["page 1 is not as it was written"]
        return "they are of an earlier commit; the next `mmsearch index` writes them"
    size = os.fstat(handle).st_size
    if not newer and size != len(sums) * sums.page_size:
        return [f"it has {size} bytes, and {len(sums) * sums.page_size} were written"]
    numbers = (number for number in range(1, len(sums) + 1) if number not in newer)
    return [f"page {number} is not as it was written" for number in page_checksums.differing(handle, sums, numbers)]


def _stamp(directory: str) -> tuple[tuple[int, int, int] | None, ...]:
    """What another one is after any write to the database, its log or its checksums."""
    found: list[tuple[int, int, int] | None] = []
    for name in (schema.DATABASE, f"{schema.DATABASE}-wal", page_checksums.NAME):
        try:
            seen = os.stat(os.path.join(directory, name))
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
