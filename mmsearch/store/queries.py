"""Reads that the writer and the reader share: the row of a file as a record, the paths of an index."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmsearch.errors import IndexMismatch, IndexMissing
from mmsearch.store import schema, value_check
from mmsearch.store.grants import Grants
from mmsearch.store.paths import PathCodec, require_anchor
from mmsearch.store.records import FileRecord, Identity
from mmsearch.types import EARLIEST_NS, LATEST_NS, Modality

AT_ONCE = 512
"""Parameters of one query; SQLite may be built to take no more than 999."""
FILE_COLUMNS = """f.path, f.size, f.mtime_ns, f.status, f.reason, c.digest, c.kind, c.modality, f.missing
    FROM files f LEFT JOIN contents c ON c.id = f.content_id"""


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
    """What is committed about one absolute path."""
    row = db.execute(f"SELECT {FILE_COLUMNS} WHERE f.path = ?", (codec.encode(path),)).fetchone()
    return None if row is None else file_record(codec, row)


def find_indexed(db: sqlite3.Connection, keys: Sequence[bytes]) -> list[tuple[bytes, int, int]]:
    """Stored path, size and time of files that are indexed and were there at the last look, in order.

    Of all that lie between the first and the last key, if they are not many more; else of these keys alone. The files
    of one directory lie side by side, and going along them is much cheaper than looking up each.
    """
    if not keys:
        return []
    select = "SELECT path, size, mtime_ns FROM files WHERE status = 'ok' AND NOT missing AND path"
    most = 2 * len(keys) + 1
    rows = db.execute(f"{select} BETWEEN ? AND ? ORDER BY path", (min(keys), max(keys))).fetchmany(most)
    if len(rows) < most:
        return rows
    rows = []
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        rows += db.execute(f"{select} IN ({','.join('?' * len(some))})", some)
    return sorted(rows)


def count_files(db: sqlite3.Connection, start: bytes, end: bytes, missing: bool) -> int:
    """Files whose stored path is in a half-open range, with those that are missing or without."""
    inside = "path >= ? AND path < ?"
    first, last = db.execute("SELECT (SELECT min(path) FROM files), (SELECT max(path) FROM files)").fetchone()
    if first is None:
        return 0
    if start <= first and last < end:
        files = db.execute("SELECT count(*) FROM files").fetchone()[0]  # SQLite need not look at each row for that
    else:
        files = db.execute(f"SELECT count(*) FROM files WHERE {inside}", (start, end)).fetchone()[0]
    if missing:
        return int(files)
    # Few files are missing, but SQLite does not know that and would look at each path.
    query = f"SELECT count(*) FROM files INDEXED BY files_missing WHERE missing = 1 AND {inside}"
    return int(files - db.execute(query, (start, end)).fetchone()[0])


def find_roots(db: sqlite3.Connection, codec: PathCodec) -> list[str]:
    """The roots, absolute, in order."""
    return sorted(codec.decode(path) for (path,) in db.execute("SELECT path FROM roots"))


def load_codec(db: sqlite3.Connection, directory: str) -> PathCodec:
    """The codec of an index that lies in `directory` now. Raises IndexDamaged for an anchor that is no folder above."""
    return PathCodec(directory, require_anchor(schema.get_meta(db, "anchor") or "", directory))


def find_content(db: sqlite3.Connection, digest: str, kind: str) -> tuple[int, Modality] | None:
    """Id and modality of a committed content."""
    row = db.execute("SELECT id, modality FROM contents WHERE digest = ? AND kind = ?", (digest, kind)).fetchone()
    return None if row is None else (row[0], value_check.modality(row[1], "contents.modality"))


def read_identity(directory: str) -> Identity | None:
    """What the index in `directory` was built with; None when there is no index.

    Raises:
        IndexMismatch: a newer mmsearch wrote it.
        IndexDamaged: it cannot be read.
    """
    with _looking(directory) as db:
        return None if db is None else schema.identity_of(db, directory)


def read_roots(directory: str) -> list[str]:
    """The roots of the index in `directory`, absolute and in order; none when there is no index. Raises likewise."""
    with _looking(directory) as db:
        return [] if db is None else find_roots(db, load_codec(db, os.path.abspath(directory)))


@dataclass(frozen=True)
class Allowed:
    """What an index may name.

    Attributes:
        identity: whether the user has named its model.
        roots: those that may be gone through, absolute and in order.
        refused: the others.
        confined: those of `roots` that no user has named, and that may be gone through since they lie below the index's
            own folder; links must not lead out of them.
    """

    identity: bool = True
    roots: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    confined: frozenset[str] = frozenset()


def read_allowed(directory: str, trusted: bool = False) -> Allowed:
    """What the index in `directory` may name; with `trusted` all that it does. Raises likewise."""
    directory = os.path.abspath(directory)
    with _looking(directory) as db:
        if db is None:
            return Allowed()
        grants = Grants(db, directory, trusted)
        found = find_roots(db, load_codec(db, directory))
        roots = tuple(root for root in found if grants.allows_root(root))
        free = grants.everything
        return Allowed(
            grants.allows_identity(schema.identity_of(db, directory).options),
            roots,
            tuple(root for root in found if root not in roots),
            frozenset(() if free else (root for root in roots if not grants.names_root(root))),
        )


def grant_everything(db: sqlite3.Connection, directory: str) -> bool:
    """Grant all that an index names today: its roots, its model and the files outside; whether there is a key."""
    grants, codec = Grants(db, directory), load_codec(db, directory)
    with schema.transaction(db):
        given = grants.give_identity(schema.identity_of(db, directory).options)
        given = given and grants.give_roots(find_roots(db, codec))
        paths = (codec.decode(path) for (path,) in db.execute("SELECT path FROM files").fetchall())
        return given and grants.give_paths(path for path in paths if not grants.may_read(path))


def read_contents(directory: str, keys: Sequence[tuple[str, str]]) -> list[bool]:
    """Which contents, by digest and kind, the index in `directory` holds just now. Raises likewise."""
    with _looking(directory) as db:
        return [db is not None and find_content(db, *key) is not None for key in keys]


@contextmanager
def _looking(directory: str) -> Iterator[sqlite3.Connection | None]:
    """The database of an index for a moment; None when there is none or no table in it."""
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
    """Make sure that a reader can use the tables as they are; their format.

    Raises:
        IndexMissing: there are none yet.
        IndexMismatch: they are newer, or so old that a writer has to change them first.
    """
    present = schema.format_of(db, directory)
    if present == 0:
        raise IndexMissing(f"the index in {directory} is empty: run `mmsearch index`")
    if present < schema.OLDEST_READ:
        raise IndexMismatch(
            f"the index in {directory} has format {present}, this mmsearch reads {schema.OLDEST_READ} and newer: "
            "run `mmsearch index` once to bring it up to date"
        )
    return present
