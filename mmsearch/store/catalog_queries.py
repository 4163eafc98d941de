"""What an index holds as a whole: its contents, and the files that hold the same ones."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mmsearch.store import schema, value_check
from mmsearch.store.paths import PathCodec
from mmsearch.store.queries import find_roots
from mmsearch.types import FileMetadata, Modality

AFTER_DIGITS = "g"
"""Comes after every hexadecimal digit."""
_OF_DIGEST = "items i JOIN contents c ON c.id = i.content_id WHERE c.digest >= ? AND c.digest < ?"


@dataclass(frozen=True)
class Catalog:
    """Reads over all of a snapshot; valid as long as the reader that gave it."""

    directory: str
    db: sqlite3.Connection
    codec: PathCodec

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, what it is, and its pixels where they are known."""
        with schema.translated(self.directory):
            query = "SELECT id, modality, width * height FROM contents ORDER BY id"
            for content, kind, pixels in self.db.execute(query):
                yield content, value_check.modality(kind, "contents.modality"), pixels

    def shared(self) -> list[int]:
        """The contents that several files hold which are there."""
        query = "SELECT content_id FROM files WHERE missing = 0 AND content_id IS NOT NULL"
        with schema.translated(self.directory):
            rows = self.db.execute(f"{query} GROUP BY content_id HAVING count(*) > 1 ORDER BY content_id").fetchall()
        return [content for (content,) in rows]

    def boxes(self) -> list[int]:
        """Ids of the items that are boxes in a picture which is an item itself."""
        with schema.translated(self.directory):
            return [item for (item,) in self.db.execute("SELECT id FROM items WHERE span_unit = 'box' ORDER BY id")]

    def copies(self, digest: str) -> list[str]:
        """The files that hold these very bytes and are there, in order."""
        query = "SELECT f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0"
        with schema.translated(self.directory):
            rows = self.db.execute(f"{query} AND c.digest = ?", (digest,)).fetchall()
        return sorted(self.codec.decode(path) for (path,) in rows)

    def latest(self, limit: int) -> list[str]:
        """The indexed files that are there and were changed last, the newest first."""
        query = "SELECT path FROM files WHERE missing = 0 AND status = 'ok' ORDER BY mtime_ns DESC, path LIMIT ?"
        with schema.translated(self.directory):
            rows = self.db.execute(query, (limit,)).fetchall()
        return [self.codec.decode(path) for (path,) in rows]

    def roots(self) -> list[str]:
        """What was indexed, absolute, in order."""
        with schema.translated(self.directory):
            return find_roots(self.db, self.codec)

    def parts(self, digest: str, first: int, last: int) -> list[int]:
        """Ids of the items from one ordinal to another of the contents whose digest begins so, in order."""
        return self._items(digest, "i.ordinal BETWEEN ? AND ?", (first, last))

    def passages_on(self, digest: str, page: int) -> list[int]:
        """Ids of the passages on a page of the contents whose digest begins so, in order."""
        return self._items(digest, "i.partition = 'text' AND i.span_unit = 'page' AND i.span_start = ?", (page,))

    def _items(self, digest: str, which: str, values: tuple[int, ...]) -> list[int]:
        query = f"SELECT i.id FROM {_OF_DIGEST} AND {which} ORDER BY c.id, i.ordinal"
        with schema.translated(self.directory):
            return [item for (item,) in self.db.execute(query, (digest, digest + AFTER_DIGITS, *values))]

    def facts(self, digest: str) -> FileMetadata:
        """What is known of the contents whose digest begins so; nothing where there are none."""
        query = "SELECT width, height, duration, taken FROM contents WHERE digest >= ? AND digest < ?"
        with schema.translated(self.directory):
            row = self.db.execute(query, (digest, digest + AFTER_DIGITS)).fetchone()
            return FileMetadata() if row is None else value_check.facts(*row)

    def gone(self) -> Iterator[str]:
        """Files that the index takes to be there and that are not, in order."""
        with schema.translated(self.directory):
            rows = self.db.execute("SELECT path FROM files WHERE missing = 0 ORDER BY path")
            for (path,) in rows:
                if not os.path.lexists(found := self.codec.decode(path)):
                    yield found


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
