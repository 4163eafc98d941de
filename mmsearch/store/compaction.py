"""Rewrites vector files without stopping any reader, and erases deleted data.

A merge writes one new file with the live rows of some old ones and then repoints their items in one transaction. The
old files are unlisted from then on; a reader that still has them open goes on. Most deleted data leaves the disk with
the commit that deletes it: texts, words, names. The rest is owed: the commit notes it, and the writer removes it when
it closes, or the next one does: old databases and, if the user wants that, vectors. Knows no search.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from mmsearch.store import ann_index, faiss_files, fulltext, page_checksums, schema, statistics, value_check
from mmsearch.store.database import Connection
from mmsearch.types import Modality

MOST_SEGMENTS = 8
FULL_BYTES = 1 << 30
"""A file of this size is not merged any further: building one takes as much memory."""
MOST_ERASED_BYTES = 256 << 20
"""A larger vector file keeps deleted vectors until a merge or `--optimize`."""
_OWED = "owed"
"""The key in the meta table of the data still to be removed, any of the next three kinds."""
_BACKUPS, _WORDS, _VECTORS = "backups", "words", "vectors"
_CLEAN = "clean"
"""The key in the meta table that says that everything deleted so far was overwritten."""
_BACKUP = re.compile(re.escape(schema.BACKUP).replace(r"\{\}", "[0-9]+") + r"(\.tmp)?(-journal|-wal|-shm)?")


@dataclass(frozen=True)
class ListedSegment:
    """A row of the segments table."""

    number: int
    name: str
    partition: Modality
    count: int
    live: int
    accelerator: int | None = None


# --- what to merge ---


def families(db: sqlite3.Connection) -> list[list[ListedSegment]]:
    """All files by partition and ANN index, in order of live rows: only files of one family may be merged."""
    query = "SELECT id, name, partition, count, live, accelerator_id FROM segments ORDER BY partition, live, id"
    by_family: dict[tuple[str, int | None], list[ListedSegment]] = {}
    for row in db.execute(query):
        file = ListedSegment(*row)
        value_check.segment(file.number, file.name, file.partition, file.count, file.live, file.accelerator)
        by_family.setdefault((file.partition, file.accelerator), []).append(file)
    return list(by_family.values())


def plan(db: sqlite3.Connection, dim: int) -> list[list[ListedSegment]]:
    """Groups of files, each to become one file (or none, if nothing in it is alive)."""
    return [group for family in families(db) if (group := plan_family(family, dim))]


def plan_family(family: list[ListedSegment], dim: int) -> list[ListedSegment]:
    """The mostly dead files, and the smallest others if there are too many; `family` is in order of live rows.

    Of the others the two smallest, and then each next one that is no larger than all before it together. So a vector
    that is copied always ends up in a file that is at least half as large again, and over the life of an index it is
    copied a number of times that grows with the logarithm of its size.
    """
    group = [file for file in family if file.live * 2 < file.count]
    full_rows = FULL_BYTES / (dim * faiss_files.BYTES_PER_NUMBER)
    small = [file for file in family if file.live * 2 >= file.count and file.live < full_rows]
    if len(small) + bool(group) > MOST_SEGMENTS:
        total = 0
        for position, file in enumerate(small):
            if position >= 2 and file.live > total:
                break
            group.append(file)
            total += file.live
    return group


def plan_large(db: sqlite3.Connection, dim: int) -> list[list[ListedSegment]]:
    """Groups whose files become as few and as large as they may, without their dead rows."""
    groups: list[list[ListedSegment]] = []
    full_rows = FULL_BYTES // (dim * faiss_files.BYTES_PER_NUMBER)
    for family in families(db):
        group: list[ListedSegment] = []
        for file in family:
            if group and sum(other.live for other in group) + file.live > full_rows:
                groups.append(group)
                group = []
            group.append(file)
        groups.append(group)
    return [group for group in groups if len(group) > 1 or group[0].live < group[0].count]


# --- merging ---


def next_number(db: sqlite3.Connection, directory: str, table: str = "segments") -> int:
    """The number of the next vector file or ANN index; it was never listed before, and no file has it.

    An unlisted file may be listed later: see `schema.sync_commits`.
    """
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    last = 0 if row is None else value_check.whole(row[0], "sqlite_sequence.seq", 0, value_check.MOST)
    return max(last, faiss_files.highest_number(directory)) + 1


def insert_segment(
    db: sqlite3.Connection, number: int, partition: str, count: int, checksum: str, accelerator: int | None = None
) -> None:
    """List a vector file that is on the disk, all of its rows alive, with the ANN index that covers it."""
    name = faiss_files.segment_name(partition, number)
    db.execute(
        "INSERT INTO segments (id, name, partition, index_kind, count, live, checksum, accelerator_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, name, partition, faiss_files.INDEX_KIND, count, count, checksum, accelerator),
    )


def listed_names(db: sqlite3.Connection) -> set[str]:
    """The files below the vectors folder that are listed. Raises IndexDamaged if one has a wrong name."""
    names = set()
    for table, end in (("segments", "faiss"), ("accelerators", "ann"))[: 1 + schema.has_accelerators(db)]:
        for number, name, partition in db.execute(f"SELECT id, name, partition FROM {table}"):
            if name != f"{value_check.modality(partition, f'{table}.partition')}/{number}.{end}":
                raise value_check.wrong(f"{table}.name", name, f"{partition}/{number}.{end}")
            names.add(name)
    return names


def run(db: sqlite3.Connection, directory: str, dim: int, group: list[ListedSegment]) -> int:
    """Replace a group by one file of its live rows; returns how many files were replaced."""
    import numpy as np  # late: writers without a merge do not need it

    number, total = next_number(db, directory), 0
    builder = faiss_files.SegmentBuilder(dim)
    for file in group:
        rows = db.execute("SELECT row FROM items WHERE segment_id = ? ORDER BY row", (file.number,)).fetchall()
        if rows:
            segment_file = faiss_files.SegmentFile(faiss_files.segment_path(directory, file.name), dim, file.count)
            for block in segment_file.read(np.array(rows, dtype=np.int64)[:, 0]):
                builder.add(block)
                total += len(block)
    name = faiss_files.segment_name(group[0].partition, number)
    checksum = builder.write(directory, name) if total else ""
    with schema.transaction(db):
        if total:
            insert_segment(db, number, group[0].partition, total, checksum, group[0].accelerator)
        offset = 0
        for file in group:  # its items move to consecutive rows of the new file, in their order
            offset += db.execute(
                "UPDATE items SET segment_id = ?, row = ? + moved.position FROM (SELECT id AS item,"
                " row_number() OVER (ORDER BY row) - 1 AS position FROM items WHERE segment_id = ?) AS moved"
                " WHERE items.id = moved.item",
                (number, offset, file.number),
            ).rowcount
            db.execute("DELETE FROM tombstones WHERE segment_id = ?", (file.number,))
            db.execute("DELETE FROM segments WHERE id = ?", (file.number,))
        statistics.fill_columns(db, directory)
        ann_index.drop_unused(db)
    return len(group)


# --- erasing ---


def note_deletions(db: Connection, directory: str, tables: Iterable[fulltext.Table], thorough: bool) -> None:
    """Erase deleted words and note the data still to be removed; call it in a transaction after deleting rows.

    Args:
        db: in a transaction.
        directory: of the index.
        tables: of words, from which rows were deleted.
        thorough: the user wants to forget, so that it may take longer.
    """
    owed = set(debts(db))
    unerased = [table for table in tables if not fulltext.expunge(db, table)]
    if unerased and thorough:
        owed.add(_WORDS)
    if thorough and db.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone():
        owed.add(_VECTORS)
    if _backups(directory):
        owed.add(_BACKUPS)
    _put_debts(db, owed)
    db.forgot = True


def debts(db: sqlite3.Connection) -> list[str]:
    """The kinds of deleted data that are still to be removed."""
    return (schema.get_meta(db, _OWED) or "").split()


def _put_debts(db: sqlite3.Connection, owed: set[str]) -> None:
    if owed != set(debts(db)):
        schema.put_meta(db, _OWED, " ".join(sorted(owed)))


def erase_owed(db: Connection, directory: str, dim: int) -> None:
    """Remove the data that is owed, and old databases; unlisted vector files are removed elsewhere.

    Raises:
        sqlite3.Error, OSError, IndexDamaged: it is impossible for now.
    """
    owed = debts(db)
    if not owed:
        return
    if _VECTORS in owed:
        most_rows = MOST_ERASED_BYTES // (dim * faiss_files.BYTES_PER_NUMBER)
        for group in [[file] for family in families(db) for file in family if file.live < file.count <= most_rows]:
            run(db, directory, dim, group)
    remove_backups(directory)
    with schema.transaction(db):
        if _WORDS in owed:
            for table in fulltext.TABLES:
                fulltext.expunge(db, table, whole=True)
        _put_debts(db, {_BACKUPS} if _backups(directory) else set())
        db.forgot = True


def erase_words(db: Connection) -> None:
    """Erase the words of all that was deleted, however many there are."""
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
    """Remove the databases that migrations have left: they hold data that was deleted since."""
    for path in _backups(directory):
        with suppress(OSError):
            os.unlink(path)


def mark_clean(db: sqlite3.Connection) -> None:
    """Note that everything deleted from these tables so far was overwritten."""
    schema.put_meta(db, _CLEAN, "1")


def clean(db: Connection, directory: str) -> None:
    """Overwrite, once, what an older mmsearch deleted; if that is impossible now, the next writer does it."""
    if schema.get_meta(db, _CLEAN):
        return
    with suppress(sqlite3.OperationalError):
        with schema.transaction(db):
            for table in fulltext.TABLES:
                fulltext.expunge(db, table, whole=True)
        page_checksums.discard(directory)  # all pages are about to change
        db.execute("VACUUM")
        with schema.transaction(db):
            mark_clean(db)
            db.forgot = True
