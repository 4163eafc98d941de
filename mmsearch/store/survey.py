"""What an index holds as a whole: its contents, and the files that hold the same ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mmsearch.core import Modality
from mmsearch.store import schema, vectors
from mmsearch.store.paths import PathCodec

_ROWS_BY_SEGMENT = """SELECT s.name, s.count, s.live,
    (SELECT count(DISTINCT i.row) FROM items i WHERE i.segment_id = s.id),
    (SELECT count(*) FROM tombstones t WHERE t.segment_id = s.id) FROM segments s ORDER BY s.id"""


@dataclass(frozen=True)
class Survey:
    """Reads over all of a snapshot; valid as long as the reader that gave it."""

    directory: str
    db: sqlite3.Connection
    codec: PathCodec

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, what it is, and its pixels where they are known."""
        with schema.translated(self.directory):
            yield from self.db.execute("SELECT id, modality, width * height FROM contents ORDER BY id")

    def shared(self) -> list[int]:
        """The contents that several files hold which are there."""
        query = "SELECT content_id FROM files WHERE missing = 0 AND content_id IS NOT NULL"
        with schema.translated(self.directory):
            rows = self.db.execute(f"{query} GROUP BY content_id HAVING count(*) > 1 ORDER BY content_id").fetchall()
        return [content for (content,) in rows]

    def copies(self, digest: str) -> list[str]:
        """The files that hold these very bytes and are there, in order."""
        query = "SELECT f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0"
        with schema.translated(self.directory):
            rows = self.db.execute(f"{query} AND c.digest = ?", (digest,)).fetchall()
        return sorted(self.codec.decode(path) for (path,) in rows)

    def problems(self) -> Iterator[str]:
        """Read everything and say what is wrong with it, one line each; slow. Nothing comes from a sound index."""
        with schema.translated(self.directory):
            for (line,) in self.db.execute("PRAGMA quick_check"):
                if line != "ok":
                    yield f"{schema.DATABASE}: {line}"
            for name, count, live, items, dead in self.db.execute(_ROWS_BY_SEGMENT).fetchall():
                if (live, count) != (items, items + dead):
                    yield f"{schema.DATABASE}: {name} has {count} rows, {items} with an item and {dead} without"
            for name, expected in self.db.execute("SELECT name, checksum FROM segments ORDER BY id").fetchall():
                try:
                    if vectors.checksum(vectors.segment_path(self.directory, name)) != expected:
                        yield f"{vectors.FOLDER}/{name}: its bytes are not those that were written"
                except FileNotFoundError:
                    yield f"{vectors.FOLDER}/{name}: gone"
