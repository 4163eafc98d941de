"""Which vector files to rewrite, and rewriting them without stopping any reader.

A merge writes one new file with the live rows of some old ones and then re-points their items in one transaction. The
old files are garbage from then on; a reader that still has them open goes on. Only opens and copies; knows no search.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mmsearch.store import ann_index, faiss_files, schema, statistics, value_check
from mmsearch.types import Modality, Vectors

MOST_SEGMENTS = 8
FULL_BYTES = 1 << 30
"""A file of this size is not merged any further: building one takes as much memory."""


@dataclass(frozen=True)
class Listed:
    """A row of the segments table."""

    number: int
    name: str
    partition: Modality
    count: int
    live: int
    accelerator: int | None = None


def plan(db: sqlite3.Connection, dim: int) -> list[list[Listed]]:
    """Groups of files, each to become one file (or none, when nothing in it is alive)."""
    return [group for listed in families(db) for group in _plan_one(listed, dim)]


def families(db: sqlite3.Connection) -> list[list[Listed]]:
    """All files by partition and by what covers them, in order of live rows: only those of one family may be joined."""
    query = "SELECT id, name, partition, count, live, accelerator_id FROM segments ORDER BY partition, live, id"
    found: dict[tuple[str, int | None], list[Listed]] = {}
    for row in db.execute(query):
        one = Listed(*row)
        value_check.segment(one.number, one.name, one.partition, one.count, one.live, one.accelerator)
        found.setdefault((one.partition, one.accelerator), []).append(one)
    return list(found.values())


def plan_large(db: sqlite3.Connection, dim: int) -> list[list[Listed]]:
    """Groups whose files become as few and as large as they may, without the rows of those that are dead."""
    groups: list[list[Listed]] = []
    full = FULL_BYTES // (dim * faiss_files.BYTES_PER_NUMBER)
    for family in families(db):
        group: list[Listed] = []
        for one in family:
            if group and sum(other.live for other in group) + one.live > full:
                groups.append(group)
                group = []
            group.append(one)
        groups.append(group)
    return [group for group in groups if len(group) > 1 or group[0].live < group[0].count]


def plan_dead(db: sqlite3.Connection, dim: int, most: int) -> list[list[Listed]]:
    """The files of at most so many bytes that hold vectors which are deleted, each by itself."""
    fits = most // (dim * faiss_files.BYTES_PER_NUMBER)
    return [[one] for family in families(db) for one in family if one.live < one.count <= fits]


def _plan_one(listed: list[Listed], dim: int) -> list[list[Listed]]:
    """The mostly dead files, and the small ones when there are too many; `listed` is in order of live rows."""
    dying = [segment for segment in listed if segment.live * 2 < segment.count]
    others = [segment for segment in listed if segment.live * 2 >= segment.count]
    small = [segment for segment in others if segment.live * dim * faiss_files.BYTES_PER_NUMBER < FULL_BYTES]
    group = list(dying)
    if len(small) + bool(dying) > MOST_SEGMENTS:
        group += _smallest(small)
    return [group] if group else []


def _smallest(small: list[Listed]) -> list[Listed]:
    """The two smallest, and then each next one that is no larger than all before it together.

    So a vector that is copied always ends up in a file that is at least half as large again, and over the life of an
    index it is copied a number of times that grows with the logarithm of its size.
    """
    group, total = small[:2], sum(segment.live for segment in small[:2])
    for segment in small[2:]:
        if segment.live > total:
            break
        group.append(segment)
        total += segment.live
    return group


def next_number(db: sqlite3.Connection, directory: str, table: str = "segments") -> int:
    """The number of the next vector file or accelerator; it was never listed before, and no file has it.

    For a file that is not listed may be listed yet: see `schema.settle`.
    """
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    last = 0 if row is None else value_check.whole(row[0], "sqlite_sequence.seq", 0, value_check.MOST)
    return max(last, faiss_files.highest_number(directory)) + 1


def insert_segment(
    db: sqlite3.Connection, number: int, partition: str, count: int, checksum: str, accelerator: int | None = None
) -> None:
    """List a vector file that lies on the disk, all of its rows alive, with what covers it."""
    name = faiss_files.segment_name(partition, number)
    db.execute(
        "INSERT INTO segments (id, name, partition, index_kind, count, live, checksum, accelerator_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, name, partition, faiss_files.INDEX_KIND, count, count, checksum, accelerator),
    )


def names(db: sqlite3.Connection) -> set[str]:
    """The files below the vectors folder that are listed. Raises IndexDamaged where one has a wrong name."""
    found = set()
    for table, end in (("segments", "faiss"), ("accelerators", "ann"))[: 1 + schema.has_accelerators(db)]:
        for number, name, partition in db.execute(f"SELECT id, name, partition FROM {table}"):
            if name != f"{value_check.modality(partition, f'{table}.partition')}/{number}.{end}":
                raise value_check.wrong(f"{table}.name", name, f"{partition}/{number}.{end}")
            found.add(name)
    return found


def run(db: sqlite3.Connection, directory: str, dim: int, group: list[Listed]) -> int:
    """Replace a group by one file of its live rows; how many files were replaced."""
    number, total = next_number(db, directory), 0
    builder = faiss_files.SegmentBuilder(dim)
    for segment in group:
        for block in live_vectors(db, directory, dim, segment):
            builder.add(block)
            total += len(block)
    name = faiss_files.segment_name(group[0].partition, number)
    checksum = builder.write(directory, name) if total else ""
    with schema.transaction(db):
        if total:
            insert_segment(db, number, group[0].partition, total, checksum, group[0].accelerator)
        offset = 0
        for segment in group:
            offset += _repoint(db, segment.number, number, offset)
            db.execute("DELETE FROM tombstones WHERE segment_id = ?", (segment.number,))
            db.execute("DELETE FROM segments WHERE id = ?", (segment.number,))
        statistics.fill_columns(db, directory)
        ann_index.drop_unused(db)
    return len(group)


def live_vectors(db: sqlite3.Connection, directory: str, dim: int, segment: Listed) -> Iterator[Vectors]:
    rows = db.execute("SELECT row FROM items WHERE segment_id = ? ORDER BY row", (segment.number,)).fetchall()
    if rows:
        import numpy as np

        file = faiss_files.SegmentFile(faiss_files.segment_path(directory, segment.name), dim, segment.count)
        yield from file.read(np.array(rows, dtype=np.int64)[:, 0])


def _repoint(db: sqlite3.Connection, old: int, new: int, offset: int) -> int:
    """Move the items of a file to consecutive rows of another from `offset` on, in their order; how many."""
    return db.execute(
        "UPDATE items SET segment_id = ?, row = ? + moved.place FROM"
        " (SELECT id AS item, row_number() OVER (ORDER BY row) - 1 AS place FROM items WHERE segment_id = ?) AS moved"
        " WHERE items.id = moved.item",
        (new, offset, old),
    ).rowcount
