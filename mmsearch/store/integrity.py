"""Finds problems of an index, and repairs it from its sound parts.

The tables are checked against each other, vector files against the tables, the words against the passages. A repair
forgets each content that it cannot save as a whole, so that the next run indexes it again. Knows
nothing about models, or whether the indexed files still exist.
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
    faiss_files,
    fulltext,
    page_checksums,
    prepare,
    schema,
    statistics,
    thumbnail_cache,
    value_check,
)
from mmsearch.store.database import Connection
from mmsearch.store.file_ownership import WriteLock
from mmsearch.store.queries import load_codec

_ROWS_BY_SEGMENT = """SELECT s.name, s.count, s.live,
    (SELECT count(DISTINCT i.row) FROM items i WHERE i.segment_id = s.id),
    (SELECT count(*) FROM tombstones t WHERE t.segment_id = s.id) FROM segments s ORDER BY s.id"""
_UNREADABLE = "it cannot be read"
_GONE = "gone"
_HELD = "SELECT content_id FROM files WHERE content_id IS NOT NULL"
# Names of rows that must not exist, with statements that count them.
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
    """The result of a repair; everything is empty or zero if the index was sound.

    Attributes:
        problems: those before the repair, one line each.
        lost: files that have to be indexed again, absolute.
        vectors: how many vectors were lost.
    """

    problems: list[str]
    lost: list[str]
    vectors: int


def problems(
    db: sqlite3.Connection,
    directory: str,
    dim: int,
    on_skip: Callable[[str], None] | None = None,
    *,
    locked: bool = False,
) -> Iterator[str]:
    """Read everything and report problems, one line each; slow. A sound index has none.

    Args:
        db: a connection to its database.
        directory: of the index.
        dim: columns of its vectors.
        on_skip: called with one line for each check that was impossible.
        locked: the caller holds the lock of the index.
    """
    with schema.translated(directory):
        version = schema.format_of(db, directory)
        if version >= schema.FORMAT_WITH_SUMS:
            lines = page_checksums.problems(db, directory, on_skip, locked=locked)
            yield from (f"{schema.DATABASE}: {line}" for line in lines)
        for (line,) in db.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"{schema.DATABASE}: {line}"
        values = [f"{schema.DATABASE}: {line}" for line in value_check.problems(db)]
        yield from values
        if values:
            return  # the other checks need sound values
        yield from (f"{schema.DATABASE}: {line}" for line in table_problems(db))
        if version >= schema.FORMAT_WITH_WORD_TABLES:
            yield from (f"{schema.DATABASE}: {line}" for line in fulltext.problems(db))
        if version >= schema.FORMAT_WITH_SUMMARIES:
            yield from (f"{schema.DATABASE}: {line}" for line in statistics.problems(db, dim))
        yield from (line for _, line in _unsound_segments(db, directory, dim))
        if version >= schema.FORMAT_WITH_ACCELERATORS:
            yield from (line for _, line in _unsound_ann_indexes(db, directory))


def table_problems(db: sqlite3.Connection) -> Iterator[str]:
    """Differences between the tables, one line each."""
    for name, query in _NEVER:
        (count,) = db.execute(query).fetchone()
        if count:
            yield f"{count} {name}"
    for name, count, live, items, dead in db.execute(_ROWS_BY_SEGMENT).fetchall():
        if (live, count) != (items, items + dead):
            yield f"{name} has {count} rows, {items} with an item and {dead} without"


def _unsound_segments(db: sqlite3.Connection, directory: str, dim: int) -> Iterator[tuple[int, str]]:
    """The vector files that cannot be relied on, by number, with the reason."""
    query = "SELECT id, name, partition, count, live, checksum FROM segments ORDER BY id"
    for number, name, partition, count, live, expected in db.execute(query).fetchall():
        try:
            value_check.segment(number, name, partition, count, live)
        except IndexDamaged as error:
            yield number, f"vector file {number}: {error}"
            continue
        path = faiss_files.segment_path(directory, name)

        def check(path: str = path, count: int = count, expected: str = expected) -> str:
            if faiss_files.checksum(path) != expected:
                return "its bytes are not those that were written"
            faiss_files.SegmentFile(path, dim, count)
            return ""

        reason = _reason(check, f"it does not hold {count} vectors of {dim} columns")
        if reason and not (reason == _GONE and _is_replaced(directory, name)):
            yield number, f"{faiss_files.FOLDER}/{name}: {reason}"


def _reason(check: Callable[[], str], damaged: str) -> str:
    """Why a file cannot be relied on: the result of `check`, or a message for its error."""
    try:
        return check()
    except FileNotFoundError:
        return _GONE
    except OSError as error:
        return f"{_UNREADABLE}: {error.strerror or error}"
    except IndexDamaged:
        return damaged


def _is_replaced(directory: str, name: str) -> bool:
    """True if a file that is gone is not listed any more: a writer has replaced it since our snapshot was taken."""
    with closing(schema.connect_reader(directory)) as db:
        return name not in compaction.listed_names(db)


def _unsound_ann_indexes(db: sqlite3.Connection, directory: str) -> Iterator[tuple[int, str]]:
    """The ANN indexes that cannot be relied on, by number, with the reason; nothing is lost with them."""
    for number, name in db.execute("SELECT id, name FROM accelerators ORDER BY id").fetchall():

        def check(number: int = number) -> str:
            (row,) = (row for row in ann_index.list_ann_indexes(db) if row.number == number)
            if faiss_files.checksum(faiss_files.segment_path(directory, row.name)) != row.checksum:
                return "its bytes are not those that were written"
            file = ann_index.AnnFile(directory, row)
            covered = (
                "SELECT i.id, i.content_id FROM items i JOIN segments s ON s.id = i.segment_id"
                " WHERE s.accelerator_id = ?"
            )
            indexed = set(zip(file.items.tolist(), file.contents.tolist(), strict=True))
            if missing := sum(pair not in indexed for pair in db.execute(covered, (number,))):
                return f"it lacks {missing} of the vectors that it should cover"
            used = db.execute("SELECT 1 FROM segments WHERE accelerator_id = ?", (number,)).fetchone()
            return "" if used else "of no use"

        reason = _reason(check, "it is not what its row says")
        if reason and not (reason == _GONE and _is_replaced(directory, name)):
            yield number, f"{faiss_files.FOLDER}/{name}: {reason}"
    query = (
        "SELECT DISTINCT accelerator_id FROM segments WHERE accelerator_id IS NOT NULL"
        " AND accelerator_id NOT IN (SELECT id FROM accelerators)"
    )
    for (number,) in db.execute(query):
        yield number, f"{schema.DATABASE}: segments reference missing ANN index {number}"


def repair(directory: str, on_wait: Callable[[str], None] | None = None) -> Repaired:
    """Repair what can be repaired, in one transaction, and forget the files whose vectors are lost.

    A vector file whose bytes have changed is given up as a whole: nothing tells which of its vectors did. Vectors of
    other files are kept as they are. An ANN index is only dropped, since `optimize` makes another.

    Raises:
        IndexMissing: there is no index.
        IndexMismatch: it was made by a newer mmsearch.
        IndexDamaged: its database cannot be read, so the vectors cannot be assigned to files.
        MmsearchError: it cannot be written, or not all of it be read.
    """
    directory = os.path.abspath(directory)
    with schema.translated(directory):
        schema.connect_reader(directory).close()  # makes no index where there is none
        lock = WriteLock(directory)
        lock.acquire(on_wait, None)
        try:
            with closing(schema.connect_writer(directory)) as db:
                return _repair(db, directory)
        finally:
            lock.release()


def _repair(db: Connection, directory: str) -> Repaired:
    dim = schema.identity_of(db, directory).dim
    schema.upgrade(db, directory, schema.format_of(db, directory))
    prepare.enforce_privacy(db, directory)
    before_repair = list(problems(db, directory, dim, locked=True))
    if not before_repair:
        compaction.clean(db, directory)
        return Repaired([], [], 0)
    unsound, ann_indexes = list(_unsound_segments(db, directory, dim)), list(_unsound_ann_indexes(db, directory))
    for _, line in unsound + ann_indexes:
        if _UNREADABLE in line:  # perhaps only for now: vectors that are not lost must not be given up
            raise MmsearchError(f"nothing is mended while a file cannot be read: {line}: check disk and permissions")
    page_checksums.discard(directory)  # they are taken again, of the repaired pages
    with schema.transaction(db):
        db.execute("REINDEX")
    # Rows that point to nothing go, and no order of deleting them would satisfy the constraints at every step.
    db.execute("PRAGMA foreign_keys = OFF")
    with schema.transaction(db):
        (items_before,) = db.execute("SELECT count(*) FROM items").fetchone()
        lost = _forget_lost(db, directory, [number for number, _ in unsound])
        for number, _ in ann_indexes:
            db.execute("UPDATE segments SET accelerator_id = NULL WHERE accelerator_id = ?", (number,))
        ann_index.drop_unused(db)
        _recount_rows(db)
        fulltext.drop(db)
        fulltext.create(db)
        statistics.clear(db)
        statistics.update(db, directory, dim)
        (items_after,) = db.execute("SELECT count(*) FROM items").fetchone()
        db.forgot = True
    compaction.remove_backups(directory)
    if unmended := list(problems(db, directory, dim, locked=True)):
        raise IndexDamaged(
            f"the index in {directory} cannot be mended: {unmended[0]}: add --rebuild to `mmsearch index`"
        )
    compaction.clean(db, directory)
    faiss_files.remove(directory, faiss_files.unlisted_files(directory, compaction.listed_names(db)))
    return Repaired(before_repair, lost, items_before - items_after)


def _forget_lost(db: sqlite3.Connection, directory: str, segments: list[int]) -> list[str]:
    """Delete each content that has lost a vector or its place in the tables, with its files; returns their paths."""
    db.execute("CREATE TEMP TABLE lost (id INTEGER PRIMARY KEY)")
    # Wrong values: contents as a whole, and files and roots without a path.
    db.execute(f"DELETE FROM roots WHERE {value_check.unsound('roots')}")
    db.execute(f"DELETE FROM files WHERE {value_check.unsound('files')}")
    db.execute(
        f"INSERT OR IGNORE INTO lost SELECT id FROM contents WHERE id > 0 AND ({value_check.unsound('contents')})"
    )
    db.execute(
        "INSERT OR IGNORE INTO lost SELECT content_id FROM items"
        f" WHERE typeof(content_id) = 'integer' AND ({value_check.unsound('items')})"
    )
    db.executemany(
        "INSERT OR IGNORE INTO lost SELECT content_id FROM items WHERE segment_id = ?", ((n,) for n in segments)
    )
    # Two items at one row: the vector may be of either.
    db.execute(
        "INSERT OR IGNORE INTO lost SELECT content_id FROM items i LEFT JOIN segments s ON s.id = i.segment_id"
        " WHERE s.id IS NULL OR i.row NOT BETWEEN 0 AND s.count - 1 OR (i.segment_id, i.row) IN"
        " (SELECT segment_id, row FROM items GROUP BY segment_id, row HAVING count(*) > 1)"
    )
    db.execute("INSERT OR IGNORE INTO lost SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM items)")
    for (content,) in db.execute("SELECT id FROM lost").fetchall():
        thumbnail_cache.remove(directory, thumbnail_cache.names_of_content(db, content))
    db.execute("DELETE FROM contents WHERE id IN (SELECT id FROM lost)")
    without = "content_id IS NOT NULL AND content_id NOT IN (SELECT id FROM contents)"
    paths = db.execute(f"SELECT path FROM files WHERE {without} ORDER BY path").fetchall()
    db.execute(f"DELETE FROM files WHERE {without}")
    db.execute(f"DELETE FROM contents WHERE id NOT IN ({_HELD})")
    db.execute("DELETE FROM items WHERE content_id NOT IN (SELECT id FROM contents)")
    db.executemany("DELETE FROM segments WHERE id = ?", ((number,) for number in segments))
    db.execute("DROP TABLE lost")
    codec = load_codec(db, directory)
    return [codec.decode(path) for (path,) in paths]


def _recount_rows(db: sqlite3.Connection) -> None:
    """Make tombstones and the numbers of live rows agree with the items."""
    db.execute("DELETE FROM tombstones")
    for number, count in db.execute("SELECT id, count FROM segments").fetchall():
        rows = {row for (row,) in db.execute("SELECT row FROM items WHERE segment_id = ?", (number,))}
        dead = ((number, row) for row in range(count) if row not in rows)
        db.executemany("INSERT INTO tombstones VALUES (?, ?)", dead)
        db.execute("UPDATE segments SET live = ? WHERE id = ?", (len(rows), number))
