"""Statistics that an index keeps about itself, so that no search has to read all of it.

Three tables over the items, each updated by the transaction that changes them, from the changes alone:
- *columns*: by vector file, the content of each row, so that a filter reads an array and not a million rows;
- *samples*: some vectors of each partition, which a query's scores are measured against;
- *pairs*: the partitions that hold parts of files of each modality, so that `-t image` opens no other file.

A transaction that adds or moves items calls `update`; if one did not, a reader sees that the statistics are not
complete and does without. Deleted items take their sample with them. Knows no filters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_files, value_check
from mmsearch.store.faiss_files import Rows
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

Location: TypeAlias = "tuple[int, int, int]"
"""An item, its vector file and its row there."""

FEWEST, MOST = 512, 2048
"""Bounds of the number of vectors that are sampled of a partition, if it has as many."""
_AIM = 1536
_ALL = 1 << 31
# Multiples of the golden ratio lie more evenly than random numbers, and no order of items is in step with them.
_SAMPLE_ORDER = "((items.id & 2147483647) * 1327217885 & 2147483647)"
_MARK = "summarised"
"""The key in the meta table of the highest item id that the samples and pairs include."""
_COLUMN = "<i8"
_DIGITS = 20

_TABLES = (
    """CREATE TABLE columns (
        segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE, contents BLOB NOT NULL)""",
    """CREATE TABLE samples (
        item_id INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE, partition TEXT NOT NULL,
        place INTEGER NOT NULL, vector BLOB NOT NULL)""",
    "CREATE INDEX samples_by_place ON samples (partition, place)",
    # An item is sampled where its place is below its partition's bound, which falls as the partition grows.
    "CREATE TABLE bounds (partition TEXT PRIMARY KEY, below INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE pairs (
        modality TEXT NOT NULL, partition TEXT NOT NULL, PRIMARY KEY (modality, partition)) WITHOUT ROWID""",
)


def create(db: sqlite3.Connection) -> None:
    """Make the empty tables."""
    for statement in _TABLES:
        db.execute(statement)


def drop(db: sqlite3.Connection) -> None:
    """Remove the tables, and their mark in the meta table."""
    clear(db)
    for table in ("columns", "samples", "bounds", "pairs"):
        db.execute(f"DROP TABLE {table}")


def clear(db: sqlite3.Connection) -> None:
    """Forget all statistics; `update` makes them again."""
    for table in ("columns", "samples", "bounds", "pairs"):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM meta WHERE key = ?", (_MARK,))


def complete(db: sqlite3.Connection) -> bool:
    """True if samples and pairs include every item; False for an index of an older format."""
    has_tables = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pairs'").fetchone() is not None
    return has_tables and _mark(db) == _last(db)


def _mark(db: sqlite3.Connection) -> int:
    """The highest id that is included; -1 if the value makes no sense, so that all has to be included again."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_MARK,)).fetchone()
    text = str(row[0]) if row else "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else -1


def _last(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").fetchone()
    return 0 if row is None else value_check.whole(row[0], "sqlite_sequence.seq")


def update(db: sqlite3.Connection, directory: str, dim: int) -> None:
    """Include all changes since the last update, inside the caller's transaction, at a cost in proportion to them.

    Damaged vector files are not sampled.
    """
    fill_columns(db, directory)
    mark, last = _mark(db), _last(db)
    db.execute(
        "INSERT OR IGNORE INTO pairs SELECT DISTINCT c.modality, i.partition FROM items i"
        " JOIN contents c ON c.id = i.content_id WHERE i.id > ?",
        (mark,),
    )
    for (partition,) in db.execute("SELECT DISTINCT partition FROM segments").fetchall():
        _sample(db, directory, dim, partition, mark)
    db.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (_MARK, str(last))
    )


# --- columns ---


def fill_columns(db: sqlite3.Connection, directory: str) -> None:
    """Write the column of each vector file that has none, and is long enough."""
    without = "SELECT id, name, partition, count, live FROM segments WHERE id NOT IN (SELECT segment_id FROM columns)"
    for number, name, partition, count, live in db.execute(without).fetchall():
        value_check.segment(number, name, partition, count, live)
        try:
            faiss_files.require_rows(faiss_files.segment_path(directory, name), count)
        except (FileNotFoundError, IndexDamaged):
            continue  # an error for searches that need the file
        column = column_by_items(db, number, count).astype(_COLUMN)
        db.execute("INSERT INTO columns VALUES (?, ?)", (number, column.tobytes()))


def column_by_items(db: sqlite3.Connection, number: int, count: int) -> Rows:
    """The content of each row of a vector file, int64 `(count,)`, from the items; 0 for a row without one."""
    rows = db.execute(
        "SELECT row, content_id FROM items WHERE segment_id = ? AND row BETWEEN 0 AND ?", (number, count - 1)
    )
    table = np.fromiter(rows, dtype=np.dtype((np.int64, 2)))
    column = np.zeros(count, dtype=np.int64)
    column[table[:, 0]] = table[:, 1]
    return column


def column(db: sqlite3.Connection, number: int, count: int) -> Rows | None:
    """The content of each row of a vector file when the file was written, int64 `(count,)`; None: unknown.

    The id of one that was deleted since may belong to another content by now: the row is a tombstone. Raises
    IndexDamaged unless there are `count`.
    """
    row = db.execute("SELECT contents FROM columns WHERE segment_id = ?", (number,)).fetchone()
    if row is None:
        return None
    data = value_check.binary(row[0], "columns.contents")
    contents = np.frombuffer(data, _COLUMN, len(data) // 8).astype(np.int64, copy=False)
    if len(contents) != count or (count and contents.min() < 0):
        raise value_check.wrong("columns.contents", data, f"the contents of {count} rows")
    return contents


# --- samples ---


def sample(db: sqlite3.Connection, partition: Modality, limit: int, dim: int) -> Vectors:
    """At most `limit` vectors of live items, the same ones each time: float32 `(n, dim)`."""
    live = ""
    if db.execute("SELECT 1 FROM files WHERE missing = 1 LIMIT 1").fetchone():
        live = (
            " AND EXISTS (SELECT 1 FROM items i JOIN files f ON f.content_id = i.content_id"
            " WHERE i.id = item_id AND f.missing = 0)"
        )
    chosen = f"SELECT item_id, vector FROM samples WHERE partition = ?{live} ORDER BY place LIMIT ?"
    rows = db.execute(f"SELECT vector FROM ({chosen}) ORDER BY item_id", (partition, limit))
    vectors = [value_check.binary(row, "samples.vector") for (row,) in rows]
    if any(len(vector) != 2 * dim for vector in vectors):
        raise IndexDamaged(f"samples.vector is of another length than {dim} numbers: {value_check.REMEDY}")
    return np.frombuffer(b"".join(vectors), dtype="<f2").reshape(-1, dim).astype(np.float32)


def _sample(db: sqlite3.Connection, directory: str, dim: int, partition: str, mark: int) -> None:
    """Sample the items after `mark`, or all again if deletions have left too few."""
    (live,) = db.execute("SELECT sum(live) FROM segments WHERE partition = ?", (partition,)).fetchone()
    (sampled,) = db.execute("SELECT count(*) FROM samples WHERE partition = ?", (partition,)).fetchone()
    row = db.execute("SELECT below FROM bounds WHERE partition = ?", (partition,)).fetchone()
    below = _ALL if row is None else int(row[0])
    if below < _ALL and sampled < FEWEST:
        db.execute("DELETE FROM samples WHERE partition = ?", (partition,))
        below, mark = min(_ALL, _ALL * _AIM // max(live, 1)), 0
    new_items = _candidates(db, partition, mark, below)
    while len(new_items) + sampled > MOST:
        below //= 2
        db.execute("DELETE FROM samples WHERE partition = ? AND place >= ?", (partition, below))
        (sampled,) = db.execute("SELECT count(*) FROM samples WHERE partition = ?", (partition,)).fetchone()
        new_items = _candidates(db, partition, mark, below)
    db.execute("INSERT OR REPLACE INTO bounds VALUES (?, ?)", (partition, below))
    db.executemany(
        f"INSERT OR IGNORE INTO samples SELECT id, partition, {_SAMPLE_ORDER}, ? FROM items WHERE id = ?",
        ((vector, item) for item, vector in _read(db, directory, dim, new_items)),
    )


def _candidates(db: sqlite3.Connection, partition: str, mark: int, below: int) -> list[Location]:
    """Items after `mark` whose place is below a bound. Those of a whole partition are found without their texts."""
    # SQLite needs hints: search new items by id, and all items by an index that holds these columns.
    new_items = "items NOT INDEXED WHERE id > ? AND partition = ?"
    all_items = "items WHERE id > ? AND segment_id IN (SELECT id FROM segments WHERE partition = ?)"
    query = f"SELECT id, segment_id, row FROM {new_items if mark else all_items} AND {_SAMPLE_ORDER} < ? LIMIT ?"
    return db.execute(query, (mark, partition, below, 2 * MOST)).fetchall()


def _read(
    db: sqlite3.Connection, directory: str, dim: int, locations: Sequence[Location]
) -> Iterator[tuple[int, bytes]]:
    """Items and their vectors, as float16 bytes."""
    listed = {}
    for number, name, partition, count, live in db.execute("SELECT id, name, partition, count, live FROM segments"):
        value_check.segment(number, name, partition, count, live)
        listed[number] = (name, count)
    for number, group in groupby(sorted(locations, key=itemgetter(1, 2)), key=itemgetter(1)):
        if number not in listed:
            continue  # `status --check` reports items without a vector
        name, count = listed[number]
        items, rows = zip(*((item, row) for item, _, row in group), strict=True)
        with suppress(IndexDamaged, FileNotFoundError):
            file = faiss_files.SegmentFile(faiss_files.segment_path(directory, name), dim, count)
            for block in file.read(np.array(rows, np.int64)):
                yield from zip(items, (row.astype("<f2").tobytes() for row in block), strict=False)
                items = items[len(block) :]


# --- pairs ---


def modalities_in(db: sqlite3.Connection, partition: Modality) -> set[str]:
    """The modalities of all files that may have parts in a partition."""
    return {modality for (modality,) in db.execute("SELECT modality FROM pairs WHERE partition = ?", (partition,))}


# --- checks ---


def problems(db: sqlite3.Connection, dim: int) -> Iterator[str]:
    """Differences from the items, one line each."""
    for number, name, count, data in db.execute(
        "SELECT s.id, s.name, s.count, c.contents FROM segments s LEFT JOIN columns c ON c.segment_id = s.id"
    ):
        wrong = count
        if type(data) is bytes and len(data) == 8 * count:
            column, items = np.frombuffer(data, dtype=_COLUMN), column_by_items(db, number, count)
            wrong = int(np.count_nonzero((items != 0) & (column != items)))
        if wrong:
            yield f"the column of {name} differs from its items in {wrong} rows"
    for name, query in (
        ("samples that are not of an item", "SELECT count(*) FROM samples s LEFT JOIN items ON items.id = s.item_id"
         f" WHERE items.id IS NULL OR s.place <> {_SAMPLE_ORDER} OR s.partition <> items.partition"
         f" OR length(s.vector) <> {2 * dim}"),
        ("kinds of items in no pair", "SELECT count(*) FROM (SELECT DISTINCT c.modality, i.partition FROM items i"
         " JOIN contents c ON c.id = i.content_id EXCEPT SELECT modality, partition FROM pairs)"),
    ):  # fmt: skip
        (wrong,) = db.execute(query).fetchone()
        if wrong:
            yield f"{wrong} {name}"
    if not complete(db):
        yield "the summaries know of another number of items"
