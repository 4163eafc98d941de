"""Reads that several parts share: records of files, filters as SQL, roots, grants, and an index as a whole.

Knows the tables of files and contents; nothing about vectors or words.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mmsearch.errors import IndexMismatch, IndexMissing
from mmsearch.store import schema, value_check
from mmsearch.store.database import batches, placeholders
from mmsearch.store.paths import PathCodec, require_anchor
from mmsearch.store.records import ANY, Bounds, FileRecord, Filter, Identity, Part
from mmsearch.types import EARLIEST_NS, LATEST_NS, FileMetadata, Modality, clamp_mtime_ns

FILE_COLUMNS = """f.path, f.size, f.mtime_ns, f.status, f.reason, c.digest, c.kind, c.modality, f.missing
    FROM files f LEFT JOIN contents c ON c.id = f.content_id"""
# Contents whose every file is missing. All others have a live file: a commit deletes those that have none.
DEAD_CONTENTS = """SELECT DISTINCT m.content_id FROM files m WHERE m.missing = 1 AND m.content_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM files l WHERE l.content_id = m.content_id AND l.missing = 0)"""
_AFTER_DIGITS = "g"
"""Sorts after every hexadecimal digit."""


# --- files and contents ---


def stored_reason(reason: str) -> str | bytes:
    """A reason as SQLite takes it: bytes when it quotes a name that is not UTF-8, so that it comes back the same."""
    try:
        reason.encode()
    except UnicodeEncodeError:
        return reason.encode("utf-8", "surrogatepass")
    return reason


def file_record(codec: PathCodec, row: tuple[Any, ...]) -> FileRecord:
    """A row of `FILE_COLUMNS`. Raises IndexDamaged for a value that cannot be."""
    path, size, mtime_ns, status, reason, digest, kind, modality, missing = row
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "backslashreplace" if b"\xed" not in reason else "surrogatepass")
    return FileRecord(
        codec.decode(path),
        value_check.whole(size, "files.size"),
        value_check.whole(mtime_ns, "files.mtime_ns", EARLIEST_NS, LATEST_NS),
        value_check.status(status),
        value_check.text(reason, "files.reason"),
        None if digest is None else value_check.text(digest, "contents.digest"),
        None if kind is None else value_check.text(kind, "contents.kind"),
        None if modality is None else value_check.modality(modality, "contents.modality"),
        value_check.whole(missing, "files.missing", 0, 1) == 1,
    )


def find_file(db: sqlite3.Connection, codec: PathCodec, path: str) -> FileRecord | None:
    """The committed record of one absolute path."""
    row = db.execute(f"SELECT {FILE_COLUMNS} WHERE f.path = ?", (codec.encode(path),)).fetchone()
    return None if row is None else file_record(codec, row)


def find_indexed(db: sqlite3.Connection, keys: Sequence[bytes]) -> list[tuple[bytes, int, int]]:
    """Stored path, size and time of files that are indexed and not missing, in order.

    All files between the first and the last key, if they are not many more, else these keys alone: the files of one
    directory lie side by side, and reading a range is much cheaper than looking up each.
    """
    if not keys:
        return []
    select = "SELECT path, size, mtime_ns FROM files WHERE status = 'ok' AND NOT missing AND path"
    limit = 2 * len(keys) + 1
    rows = db.execute(f"{select} BETWEEN ? AND ? ORDER BY path", (min(keys), max(keys))).fetchmany(limit)
    if len(rows) < limit:
        return rows
    rows = []
    for batch in batches(keys):
        rows += db.execute(f"{select} IN ({placeholders(batch)})", batch)
    return sorted(rows)


def count_files(db: sqlite3.Connection, start: bytes, end: bytes, missing: bool) -> int:
    """Files whose stored path is in a half-open range, with or without missing ones."""
    inside = "path >= ? AND path < ?"
    first, last = db.execute("SELECT (SELECT min(path) FROM files), (SELECT max(path) FROM files)").fetchone()
    if first is None:
        return 0
    if start <= first and last < end:
        files = db.execute("SELECT count(*) FROM files").fetchone()[0]  # SQLite need not read each row for that
    else:
        files = db.execute(f"SELECT count(*) FROM files WHERE {inside}", (start, end)).fetchone()[0]
    if missing:
        return int(files)
    # Few files are missing, but SQLite does not know that and would read each path.
    query = f"SELECT count(*) FROM files INDEXED BY files_missing WHERE missing = 1 AND {inside}"
    return int(files - db.execute(query, (start, end)).fetchone()[0])


def find_roots(db: sqlite3.Connection, codec: PathCodec) -> list[str]:
    """The roots, absolute, in order."""
    return sorted(codec.decode(path) for (path,) in db.execute("SELECT path FROM roots"))


def load_codec(db: sqlite3.Connection, directory: str) -> PathCodec:
    """The codec of the index in `directory`. Raises IndexDamaged for an anchor that is no folder above it."""
    return PathCodec(directory, require_anchor(schema.get_meta(db, "anchor") or "", directory))


def find_content(db: sqlite3.Connection, digest: str, kind: str) -> tuple[int, Modality] | None:
    """Id and modality of a committed content."""
    row = db.execute("SELECT id, modality FROM contents WHERE digest = ? AND kind = ?", (digest, kind)).fetchone()
    return None if row is None else (row[0], value_check.modality(row[1], "contents.modality"))


def find_parts(db: sqlite3.Connection, item_ids: Sequence[int]) -> dict[int, Part]:
    """What each item is, wherever files hold it; items that are gone are left out."""
    items: dict[int, tuple[int, str, Modality]] = {}
    for batch in batches(item_ids):
        query = (
            "SELECT i.id, i.content_id, c.digest, i.partition FROM items i"
            f" JOIN contents c ON c.id = i.content_id WHERE i.id IN ({placeholders(batch)})"
        )
        for item, content, digest, partition in db.execute(query, batch):
            name = value_check.modality(partition, "items.partition")
            items[item] = content, value_check.text(digest, "contents.digest"), name
    counts = _count_parts(db, {(content, name) for content, _, name in items.values()})
    return {item: Part(digest, name, counts[content, name]) for item, (content, digest, name) in items.items()}


def _count_parts(db: sqlite3.Connection, keys: Collection[tuple[int, Modality]]) -> dict[tuple[int, Modality], int]:
    """How many items some contents have in some partitions.

    Most have one item in all, or are texts, whose items are all texts: the index alone says it, and no row is read.
    """
    texts: set[int] = set()
    totals: dict[int, int] = {}
    for batch in batches(sorted({content for content, _ in keys})):
        within = f"content_id IN ({placeholders(batch)})"
        totals |= dict(db.execute(f"SELECT content_id, count(*) FROM items WHERE {within} GROUP BY content_id", batch))
        query = f"SELECT id FROM contents WHERE modality = 'text' AND id IN ({placeholders(batch)})"
        texts.update(content for (content,) in db.execute(query, batch))
    counts = {key: totals[key[0]] for key in keys if totals[key[0]] == 1 or key[0] in texts}
    for batch in batches(sorted({content for content, name in keys if (content, name) not in counts})):
        query = (
            "SELECT content_id, partition, count(*) FROM items"
            f" WHERE content_id IN ({placeholders(batch)}) GROUP BY content_id, partition"
        )
        counts |= {(content, name): count for content, name, count in db.execute(query, batch)}
    return counts


# --- filters ---


def condition(where: Filter, codec: PathCodec) -> tuple[str, list[Any]]:
    """All of a filter but `accept`, as SQL over `files f` and `contents c` that begins with AND, and its parameters."""
    clauses = _content_clauses(where) + _file_clauses(where, codec)
    return "".join(f" AND ({sql})" for sql, _ in clauses), [value for _, values in clauses for value in values]


def passing_contents(db: sqlite3.Connection, codec: PathCodec, where: Filter) -> Iterator[int]:
    """Ids of the contents that some live file which passes holds; an id may occur several times."""
    sql, values = condition(where, codec)
    if where.accept is None and not _file_clauses(where, codec):  # no path has to be read
        query = f"SELECT c.id FROM contents c WHERE c.id NOT IN ({DEAD_CONTENTS}){sql}"
        return (content for (content,) in db.execute(query, values))
    rows = db.execute(
        f"SELECT f.content_id, f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0{sql}",
        values,
    )
    accept = where.accept
    return (content for content, path in rows if accept is None or accept(codec.decode(path)))


def _content_clauses(where: Filter) -> list[tuple[str, list[Any]]]:
    clauses: list[tuple[str, list[Any]]] = []
    if where.modalities is not None:
        modalities = sorted(where.modalities)
        # The plus keeps SQLite from going through all contents of a modality rather than the few files in question.
        clauses.append((f"+c.modality IN ({placeholders(modalities)})", list(modalities)))
    for column in ("width", "height", "duration"):
        clauses += _within(f"c.{column}", getattr(where, column))
    return clauses


def _file_clauses(where: Filter, codec: PathCodec) -> list[tuple[str, list[Any]]]:
    clauses = _within("f.size", where.size)
    if where.folders:
        ranges = [pair for folder in where.folders for pair in codec.ranges(folder)]
        exact = [codec.encode(folder) for folder in where.folders]
        sql = " OR ".join(["f.path >= ? AND f.path < ?"] * len(ranges) + ["f.path = ?"] * len(exact))
        clauses.append((sql, [bound for pair in ranges for bound in pair] + exact))
    for sign, moment in ((">=", where.after), ("<", where.before)):
        if moment is not None:
            # Cameras write local time without a zone, so that is compared as text; files know the instant.
            sql = f"CASE WHEN c.taken IS NULL THEN f.mtime_ns {sign} ? ELSE c.taken {sign} ? END"
            clauses.append((sql, [_instant(moment), moment.isoformat(timespec="seconds")]))
    return clauses


def _within(column: str, bounds: Bounds) -> list[tuple[str, list[Any]]]:
    """Unknown values pass no bound."""
    if bounds == ANY:
        return []
    sides = [(">=", bounds.least), ("<=", bounds.most)]
    return [(f"{column} {sign} ?", [value]) for sign, value in sides if value is not None]


def _instant(moment: datetime) -> int:
    """Nanoseconds since 1970, or the nearest that a file's time can be."""
    try:
        return clamp_mtime_ns(int(moment.timestamp() * 1e9))
    except (ValueError, OverflowError, OSError):  # before year 1 or after 9999 in UTC; the system decides which error
        return EARLIEST_NS if moment.year < 1970 else LATEST_NS


# --- an index by its directory ---


def read_identity(directory: str) -> Identity | None:
    """The identity of the index in `directory`; None if there is no index.

    Raises:
        IndexMismatch: a newer mmsearch wrote it.
        IndexDamaged: it cannot be read.
    """
    with _connect(directory) as db:
        return None if db is None else schema.identity_of(db, directory)


def read_roots(directory: str) -> list[str]:
    """The roots of the index in `directory`, absolute and in order; none if there is no index. Raises likewise."""
    with _connect(directory) as db:
        return [] if db is None else find_roots(db, load_codec(db, os.path.abspath(directory)))


@dataclass(frozen=True)
class Allowed:
    """The model and roots that an index may name.

    Attributes:
        identity: the user has named its model.
        roots: those that may be scanned, absolute and in order.
        refused: the others.
        confined: those of `roots` that no user has named, and that may be scanned since they lie below the index's own
            folder; links must not lead out of them.
    """

    identity: bool = True
    roots: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    confined: frozenset[str] = frozenset()


def read_allowed(directory: str, trusted: bool = False) -> Allowed:
    """The model and roots that the index in `directory` may name; with `trusted` all. Raises likewise."""
    from mmsearch.store.grants import Grants  # late: a search reads none

    directory = os.path.abspath(directory)
    with _connect(directory) as db:
        if db is None:
            return Allowed()
        grants = Grants(db, directory, trusted)
        named_roots = find_roots(db, load_codec(db, directory))
        roots = tuple(root for root in named_roots if grants.allows_root(root))
        return Allowed(
            grants.allows_identity(schema.identity_of(db, directory).options),
            roots,
            tuple(root for root in named_roots if root not in roots),
            frozenset(root for root in roots if not grants.everything and not grants.names_root(root)),
        )


def grant_everything(db: sqlite3.Connection, directory: str) -> bool:
    """Grant all that an index names today: its roots, its model and the files outside; False if there is no key."""
    from mmsearch.store.grants import Grants

    grants, codec = Grants(db, directory), load_codec(db, directory)
    with schema.transaction(db):
        granted = grants.give_identity(schema.identity_of(db, directory).options)
        granted = granted and grants.give_roots(find_roots(db, codec))
        paths = (codec.decode(path) for (path,) in db.execute("SELECT path FROM files").fetchall())
        return granted and grants.give_paths(path for path in paths if not grants.may_read(path))


def read_contents(directory: str, keys: Sequence[tuple[str, str]]) -> list[bool]:
    """Which contents, by digest and kind, the index in `directory` holds now. Raises likewise."""
    with _connect(directory) as db:
        return [db is not None and find_content(db, *key) is not None for key in keys]


@contextmanager
def _connect(directory: str) -> Iterator[sqlite3.Connection | None]:
    """The database of an index; None if there is none or no table in it."""
    with schema.translated(os.path.abspath(directory)):
        try:
            db = schema.connect_reader(directory)
        except IndexMissing:
            yield None
            return
        try:
            yield db if schema.format_of(db, directory) else None
        finally:
            db.close()


def require_readable(db: sqlite3.Connection, directory: str) -> int:
    """Check that a reader can use the tables as they are; returns their format.

    Raises:
        IndexMissing: there are none yet.
        IndexMismatch: they are newer, or so old that a writer has to change them first.
    """
    version = schema.format_of(db, directory)
    if version == 0:
        raise IndexMissing(f"the index in {directory} is empty: run `mmsearch index`")
    if version < schema.OLDEST_READ:
        raise IndexMismatch(
            f"the index in {directory} has format {version}, this mmsearch reads {schema.OLDEST_READ} and newer: "
            "run `mmsearch index` once to bring it up to date"
        )
    return version


@dataclass(frozen=True)
class Catalog:
    """Reads over all of an index: its contents, and the files that hold the same ones.

    Valid as long as the reader that gave it.
    """

    directory: str
    db: sqlite3.Connection
    codec: PathCodec

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with schema.translated(self.directory):
            return self.db.execute(query, values).fetchall()

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, its modality, and its number of pixels if known."""
        with schema.translated(self.directory):
            query = "SELECT id, modality, width * height FROM contents ORDER BY id"
            for content, modality, pixels in self.db.execute(query):
                yield content, value_check.modality(modality, "contents.modality"), pixels

    def shared(self) -> list[int]:
        """The contents that several present files hold."""
        query = "SELECT content_id FROM files WHERE missing = 0 AND content_id IS NOT NULL"
        rows = self._rows(f"{query} GROUP BY content_id HAVING count(*) > 1 ORDER BY content_id")
        return [content for (content,) in rows]

    def boxes(self) -> list[int]:
        """Ids of the items that are boxes in a picture which is an item itself."""
        return [item for (item,) in self._rows("SELECT id FROM items WHERE span_unit = 'box' ORDER BY id")]

    def copies(self, digest: str) -> list[str]:
        """The present files that hold these very bytes, in order."""
        query = "SELECT f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0"
        return sorted(self.codec.decode(path) for (path,) in self._rows(f"{query} AND c.digest = ?", digest))

    def latest(self, limit: int) -> list[str]:
        """The present files that were changed last, the newest first."""
        query = "SELECT path FROM files WHERE missing = 0 AND status = 'ok' ORDER BY mtime_ns DESC, path LIMIT ?"
        return [self.codec.decode(path) for (path,) in self._rows(query, limit)]

    def roots(self) -> list[str]:
        """The roots, absolute, in order."""
        with schema.translated(self.directory):
            return find_roots(self.db, self.codec)

    def parts(self, digest: str, first: int, last: int) -> list[int]:
        """Ids of the items from one ordinal to another of the contents whose digest begins so, in order."""
        return self._items(digest, "i.ordinal BETWEEN ? AND ?", first, last)

    def passages_on(self, digest: str, page: int) -> list[int]:
        """Ids of the passages on a page of the contents whose digest begins so, in order."""
        return self._items(digest, "i.partition = 'text' AND i.span_unit = 'page' AND i.span_start = ?", page)

    def _items(self, digest: str, clause: str, *values: int) -> list[int]:
        query = (
            "SELECT i.id FROM items i JOIN contents c ON c.id = i.content_id WHERE c.digest >= ? AND c.digest < ?"
            f" AND {clause} ORDER BY c.id, i.ordinal"
        )
        return [item for (item,) in self._rows(query, digest, digest + _AFTER_DIGITS, *values)]

    def facts(self, digest: str) -> FileMetadata:
        """The metadata of the contents whose digest begins so; nothing if there are none."""
        query = "SELECT width, height, duration, taken FROM contents WHERE digest >= ? AND digest < ? LIMIT 1"
        with schema.translated(self.directory):
            rows = self._rows(query, digest, digest + _AFTER_DIGITS)
            return value_check.facts(*rows[0]) if rows else FileMetadata()

    def absent_files(self) -> Iterator[str]:
        """Files that the index takes to be present and that are not, in order."""
        with schema.translated(self.directory):
            rows = self.db.execute("SELECT path FROM files WHERE missing = 0 ORDER BY path")
            for (key,) in rows:
                path = self.codec.decode(key)
                if not os.path.lexists(path):
                    yield path


def size_on_disk(directory: str) -> int:
    """Bytes of all files in a directory and below."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except OSError:  # a writer removes files meanwhile
                continue
    return total
