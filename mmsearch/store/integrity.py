"""What can be wrong with an index, and mending it from what is sound.

Everything that counts is checked against what it must agree with: the tables with themselves, vector files with the
tables, the words with the passages. What a repair cannot save it forgets as a whole, so that the next run indexes it
again. Knows nothing about models, or whether the files that were indexed are still there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.store import (
    ann_index,
    compaction,
    erasure,
    faiss_files,
    fulltext,
    page_check,
    page_checksums,
    schema,
    sharing,
    statistics,
    thumbnail_cache,
    value_check,
)
from mmsearch.store.ann_index import AnnFile
from mmsearch.store.database import Connection
from mmsearch.store.lock import WriteLock
from mmsearch.store.queries import load_codec

_ROWS_BY_SEGMENT = """SELECT s.name, s.count, s.live,
    (SELECT count(DISTINCT i.row) FROM items i WHERE i.segment_id = s.id),
    (SELECT count(*) FROM tombstones t WHERE t.segment_id = s.id) FROM segments s ORDER BY s.id"""

# Statements that count what must not be there, and what to call it.
_UNREADABLE = "it cannot be read"
_GONE = "gone"
_HELD = "SELECT content_id FROM files WHERE content_id IS NOT NULL"
_NEVER = (
    ("contents that no file holds", f"SELECT count(*) FROM contents WHERE id NOT IN ({_HELD})"),
    ("contents without an item", "SELECT count(*) FROM contents WHERE id NOT IN (SELECT content_id FROM items)"),
    ("files without their content", f"SELECT count(*) FROM ({_HELD} AND content_id NOT IN (SELECT id FROM contents))"),
    ("items without their content", "SELECT count(*) FROM items WHERE content_id NOT IN (SELECT id FROM contents)"),
    ("items without a vector", "SELECT count(*) FROM items i LEFT JOIN segments s ON s.id = i.segment_id"
     " WHERE s.id IS NULL OR i.row NOT BETWEEN 0 AND s.count - 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Repaired:
    """What a repair did; nothing is empty or zero where the index was sound.

    Attributes:
        found: the problems, one line each, as they were before.
        lost: files that have to be indexed again, absolute.
        vectors: how many vectors were lost.
    """

    found: list[str]
    lost: list[str]
    vectors: int


def problems(
    db: sqlite3.Connection, directory: str, dim: int, told: Callable[[str], None] | None = None, *, locked: bool = False
) -> Iterator[str]:
    """Read everything and say what is wrong with it, one line each; slow. Nothing comes from a sound index.

    Args:
        db: a connection to its database.
        directory: where it lies.
        dim: columns of its vectors.
        told: hears in one line what could not be checked.
        locked: that the caller holds the lock of the index.
    """
    with schema.translated(directory):
        if schema.format_of(db, directory) >= schema.FORMAT_WITH_SUMS:
            lines = page_check.problems(db, directory, told, locked=locked)
            yield from (f"{schema.DATABASE}: {line}" for line in lines)
        for (line,) in db.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"{schema.DATABASE}: {line}"
        values = [f"{schema.DATABASE}: {line}" for line in value_check.problems(db)]
        yield from values
        if values:
            return  # what follows takes values for what they should be
        yield from (f"{schema.DATABASE}: {line}" for line in of_tables(db))
        if schema.format_of(db, directory) >= schema.FORMAT_WITH_WORDS:
            yield from (f"{schema.DATABASE}: {line}" for line in fulltext.problems(db))
        if schema.format_of(db, directory) >= schema.FORMAT_WITH_SUMMARIES:
            yield from (f"{schema.DATABASE}: {line}" for line in statistics.problems(db, dim))
        for _, line in _unsound(db, directory, dim):
            yield line
        if schema.format_of(db, directory) >= schema.FORMAT_WITH_ACCELERATORS:
            for _, line in _unsound_accelerators(db, directory):
                yield line


def of_tables(db: sqlite3.Connection) -> Iterator[str]:
    """What of the tables does not agree with the other tables, one line each."""
    for name, query in _NEVER:
        (count,) = db.execute(query).fetchone()
        if count:
            yield f"{count} {name}"
    for name, count, live, items, dead in db.execute(_ROWS_BY_SEGMENT).fetchall():
        if (live, count) != (items, items + dead):
            yield f"{name} has {count} rows, {items} with an item and {dead} without"


def _unsound(db: sqlite3.Connection, directory: str, dim: int) -> Iterator[tuple[int, str]]:
    """The vector files that cannot be relied on, by number, with the reason."""
    query = "SELECT id, name, partition, count, live, checksum FROM segments ORDER BY id"
    for number, name, partition, count, live, expected in db.execute(query).fetchall():
        try:
            value_check.segment(number, name, partition, count, live)
        except IndexDamaged as error:
            yield number, f"vector file {number}: {error}"
            continue
        reason = _reason(faiss_files.segment_path(directory, name), dim, count, expected)
        if reason and not (reason == _GONE and _replaced(directory, name)):
            yield number, f"{faiss_files.FOLDER}/{name}: {reason}"


def _replaced(directory: str, name: str) -> bool:
    """Whether a file that is gone is listed no more: a writer has replaced it since our snapshot was taken."""
    with closing(schema.connect_reader(directory)) as now:
        return name not in compaction.names(now)


def _reason(path: str, dim: int, count: int, expected: str) -> str:
    try:
        if faiss_files.checksum(path) != expected:
            return "its bytes are not those that were written"
        faiss_files.SegmentFile(path, dim, count)
    except FileNotFoundError:
        return _GONE
    except OSError as error:
        return f"{_UNREADABLE}: {error.strerror or error}"
    except IndexDamaged:
        return f"it does not hold {count} vectors of {dim} columns"
    return ""


def _unsound_accelerators(db: sqlite3.Connection, directory: str) -> Iterator[tuple[int, str]]:
    """The accelerators that cannot be relied on, by number, with the reason; nothing is lost with them."""
    for number, name in db.execute("SELECT id, name FROM accelerators ORDER BY id").fetchall():
        reason = _reason_against(db, directory, number)
        if reason and not (reason == _GONE and _replaced(directory, name)):
            yield number, f"{faiss_files.FOLDER}/{name}: {reason}"
    query = (
        "SELECT DISTINCT accelerator_id FROM segments WHERE accelerator_id IS NOT NULL"
        " AND accelerator_id NOT IN (SELECT id FROM accelerators)"
    )
    for (number,) in db.execute(query):
        yield number, f"{schema.DATABASE}: vector files of accelerator {number}, which there is not"


def _reason_against(db: sqlite3.Connection, directory: str, number: int) -> str:
    try:
        (row,) = (one for one in ann_index.listed(db) if one.number == number)
        if faiss_files.checksum(faiss_files.segment_path(directory, row.name)) != row.checksum:
            return "its bytes are not those that were written"
        file = AnnFile(directory, row)
    except FileNotFoundError:
        return _GONE
    except OSError as error:
        return f"{_UNREADABLE}: {error.strerror or error}"
    except IndexDamaged:
        return "it is not what its row says"
    query = "SELECT i.id, i.content_id FROM items i JOIN segments s ON s.id = i.segment_id WHERE s.accelerator_id = ?"
    held = set(zip(file.items.tolist(), file.contents.tolist(), strict=True))
    missed = sum(pair not in held for pair in db.execute(query, (number,)))
    if missed:
        return f"it lacks {missed} of the vectors that it should cover"
    return "" if db.execute("SELECT 1 FROM segments WHERE accelerator_id = ?", (number,)).fetchone() else "of no use"


def repair(directory: str, on_wait: Callable[[str], None] | None = None) -> Repaired:
    """Mend what can be mended, in one transaction, and forget the files whose vectors are not to be had.

    A vector file whose bytes have changed is given up as a whole: nothing tells which of its vectors did. Vectors of
    other files are kept as they are. An accelerator is only dropped, since `optimize` makes another.

    Raises:
        IndexMissing: there is no index.
        IndexMismatch: it was made by a newer mmsearch.
        IndexDamaged: its database cannot be read, so that nothing says what the vectors are of.
        MmsearchError: it cannot be written, or not all of it be read.
    """
    directory = os.path.abspath(directory)
    with schema.translated(directory):
        schema.connect_reader(directory).close()  # makes no index where there is none
        lock = WriteLock(directory)
        lock.acquire(on_wait, None)
        try:
            db = schema.connect_writer(directory)
            try:
                return _repair(db, directory)
            finally:
                db.close()
        finally:
            lock.release()


def _repair(db: Connection, directory: str) -> Repaired:
    dim = schema.identity_of(db, directory).dim
    schema.upgrade(db, directory, schema.format_of(db, directory))
    sharing.settle(db, directory)
    found = list(problems(db, directory, dim, locked=True))
    if not found:
        erasure.clean(db, directory)
        return Repaired([], [], 0)
    unsound, derived = list(_unsound(db, directory, dim)), list(_unsound_accelerators(db, directory))
    for _, line in unsound + derived:
        if _UNREADABLE in line:  # for now, perhaps: what is not lost must not be given up
            raise MmsearchError(f"nothing is mended while a file cannot be read: {line}: check disk and permissions")
    page_checksums.discard(directory)  # they are taken anew, of what is mended
    with schema.transaction(db):
        db.execute("REINDEX")
    # Rows that point to nothing go, and no order of deleting them would please the constraints at every step.
    db.execute("PRAGMA foreign_keys = OFF")
    with schema.transaction(db):
        gone = [number for number, _ in unsound]
        before = _vectors(db)
        lost = _forget_lost(db, directory, gone)
        _drop_accelerators(db, [number for number, _ in derived])
        _count_again(db)
        fulltext.drop(db)
        fulltext.create(db)
        statistics.clear(db)
        statistics.update(db, directory, dim)
        after = _vectors(db)
        db.forgot = True
    erasure.remove_backups(directory)
    if left := list(problems(db, directory, dim, locked=True)):
        raise IndexDamaged(f"the index in {directory} cannot be mended: {left[0]}: add --rebuild to `mmsearch index`")
    erasure.clean(db, directory)
    faiss_files.remove(directory, faiss_files.garbage(directory, compaction.names(db)))
    return Repaired(found, lost, before - after)


def _vectors(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM items").fetchone()[0])


def _forget_lost(db: sqlite3.Connection, directory: str, gone: list[int]) -> list[str]:
    """Delete each content that has lost a vector or its place in the tables, with its files; their paths."""
    db.execute("CREATE TEMP TABLE lost (id INTEGER PRIMARY KEY)")
    _forget_unsound(db)
    db.executemany("INSERT OR IGNORE INTO lost SELECT content_id FROM items WHERE segment_id = ?", ((n,) for n in gone))
    # Two items at one row: which of them the vector is of cannot be known.
    db.execute(
        "INSERT OR IGNORE INTO lost SELECT content_id FROM items i LEFT JOIN segments s ON s.id = i.segment_id"
        " WHERE s.id IS NULL OR i.row NOT BETWEEN 0 AND s.count - 1 OR (i.segment_id, i.row) IN"
        " (SELECT segment_id, row FROM items GROUP BY segment_id, row HAVING count(*) > 1)"
    )
    db.execute("INSERT OR IGNORE INTO lost SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM items)")
    for (content,) in db.execute("SELECT id FROM lost").fetchall():
        thumbnail_cache.remove(directory, thumbnail_cache.of_content(db, content))
    db.execute("DELETE FROM contents WHERE id IN (SELECT id FROM lost)")
    left = "SELECT id FROM contents"
    without = f"content_id IS NOT NULL AND content_id NOT IN ({left})"
    paths = db.execute(f"SELECT path FROM files WHERE {without} ORDER BY path").fetchall()
    db.execute(f"DELETE FROM files WHERE {without}")
    db.execute(f"DELETE FROM contents WHERE id NOT IN ({_HELD})")
    db.execute(f"DELETE FROM items WHERE content_id NOT IN ({left})")
    db.executemany("DELETE FROM segments WHERE id = ?", ((number,) for number in gone))
    db.execute("DROP TABLE lost")
    codec = load_codec(db, directory)
    return [codec.decode(path) for (path,) in paths]


def _forget_unsound(db: sqlite3.Connection) -> None:
    """Take what has a value that it may not have for lost: contents as a whole, and files and roots that name none."""
    db.execute("DELETE FROM roots WHERE " + value_check.unsound("roots"))
    db.execute(f"DELETE FROM files WHERE {value_check.unsound('files')}")
    db.execute(
        f"INSERT OR IGNORE INTO lost SELECT id FROM contents WHERE id > 0 AND ({value_check.unsound('contents')})"
    )
    db.execute(
        "INSERT OR IGNORE INTO lost SELECT content_id FROM items"
        f" WHERE typeof(content_id) = 'integer' AND ({value_check.unsound('items')})"
    )


def _drop_accelerators(db: sqlite3.Connection, numbers: list[int]) -> None:
    for number in numbers:
        db.execute("UPDATE segments SET accelerator_id = NULL WHERE accelerator_id = ?", (number,))
    ann_index.drop_unused(db)


def _count_again(db: sqlite3.Connection) -> None:
    """Tombstones and the numbers of live rows, by the items that there are."""
    db.execute("DELETE FROM tombstones")
    for number, count in db.execute("SELECT id, count FROM segments").fetchall():
        rows = {row for (row,) in db.execute("SELECT row FROM items WHERE segment_id = ?", (number,))}
        dead = ((number, row) for row in range(count) if row not in rows)
        db.executemany("INSERT INTO tombstones VALUES (?, ?)", dead)
        db.execute("UPDATE segments SET live = ? WHERE id = ?", (len(rows), number))
