"""One commit: staged contents become vector files, and then one SQLite transaction makes them count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

from mmsearch.store import compaction, faiss_files, fulltext, schema, statistics, thumbnail_cache
from mmsearch.store.database import Connection
from mmsearch.store.paths import PathCodec
from mmsearch.store.queries import find_content, stored_reason
from mmsearch.store.records import FileRecord
from mmsearch.types import MODALITIES, FileMetadata, Item, Modality, Vectors

ContentKey = tuple[str, str]
"""Digest and kind of a content."""


@dataclass(frozen=True)
class StagedContent:
    """A content that waits for a commit; `vectors` is float32 `(len(items), dim)`."""

    modality: Modality
    facts: FileMetadata
    items: tuple[Item, ...]
    vectors: Vectors


class Commit:
    """Writes staged files (`None`: forgotten) and contents."""

    def __init__(self, db: Connection, directory: str, codec: PathCodec, dim: int) -> None:
        self._db = db
        self._directory = directory
        self._codec = codec
        self._dim = dim
        self._word_tables: set[fulltext.Table] = set()
        """Tables of words from which rows were deleted."""
        self._forgot = False
        self._thumbnails: list[str] = []

    def run(
        self, files: Mapping[str, FileRecord | None], contents: Mapping[ContentKey, StagedContent], thorough: bool
    ) -> list[ContentKey]:
        """Commit, and return the committed contents: those that a file holds.

        With `thorough` it notes that the vectors of deleted items must be erased, too. Running it twice is safe: an
        interrupt can come after the commit and before the caller knows.
        """
        held = {(record.digest, record.kind) for record in files.values() if record is not None}
        committed = [key for key in contents if key in held]
        new_contents = {key: contents[key] for key in committed if find_content(self._db, *key) is None}
        segments = self._write_segments(new_contents)
        with schema.transaction(self._db):
            fulltext.harden(self._db)
            for segment in segments:
                compaction.insert_segment(self._db, *segment)
            self._insert_contents(new_contents, {partition: number for number, partition, _, _ in segments})
            released = [self._put_file(path, record) for path, record in files.items()]
            for content in sorted({content for content in released if content is not None}):
                self._delete_orphan(content)
            statistics.update(self._db, self._directory, self._dim)
            if self._forgot:
                compaction.note_deletions(self._db, self._directory, self._word_tables, thorough)
            # Before the commit, so that a kill leaves none; and after it, for a server may have made some until then.
            thumbnail_cache.remove(self._directory, self._thumbnails)
        thumbnail_cache.remove(self._directory, self._thumbnails)
        if self._forgot:
            compaction.remove_backups(self._directory)
        return committed

    def _write_segments(self, contents: Mapping[ContentKey, StagedContent]) -> list[tuple[int, Modality, int, str]]:
        """Write the vectors of each partition to a file; returns numbers, partitions, row counts and checksums."""
        number = compaction.next_number(self._db, self._directory)
        segments: list[tuple[int, Modality, int, str]] = []
        for partition in MODALITIES:
            picks = [
                (content, [row for row, item in enumerate(content.items) if item.partition == partition])
                for content in contents.values()
            ]
            count = sum(len(rows) for _, rows in picks)
            if not count:
                continue
            builder = faiss_files.SegmentBuilder(self._dim)
            for content, rows in picks:
                if rows:
                    builder.add(content.vectors[rows])
            checksum = builder.write(self._directory, faiss_files.segment_name(partition, number))
            segments.append((number, partition, count, checksum))
            number += 1
        return segments

    def _insert_contents(self, contents: Mapping[ContentKey, StagedContent], segments: Mapping[Modality, int]) -> None:
        rows = dict.fromkeys(segments, 0)
        for (digest, kind), content in contents.items():
            facts = content.facts
            cursor = self._db.execute(
                "INSERT INTO contents (digest, kind, modality, width, height, duration, taken)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (digest, kind, content.modality, facts.width, facts.height, facts.duration, facts.taken),
            )
            content_id = int(cursor.lastrowid or 0)
            for item in content.items:
                # SQLite gets plain numbers, whole ones as integers, and refuses lone surrogates.
                span, bounds = item.span, (item.span.start, item.span.end)
                start, end = (int(bound) if isinstance(bound, Integral) else float(bound) for bound in bounds)
                text = item.text.encode("utf-8", "backslashreplace").decode("utf-8")
                self._db.execute(
                    "INSERT INTO items (content_id, ordinal, partition, span_unit, span_start, span_end, text,"
                    " segment_id, row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (content_id, item.ordinal, item.partition, span.unit, start, end, text, segments[item.partition],
                     rows[item.partition]),
                )  # fmt: skip
                rows[item.partition] += 1
            fulltext.add_passages(self._db, content_id)

    def _put_file(self, path: str, record: FileRecord | None) -> int | None:
        """Write one file; returns the content that it no longer holds, if any."""
        key = self._codec.encode(path)
        row = self._db.execute("SELECT id, content_id, reason FROM files WHERE path = ?", (key,)).fetchone()
        old_content: int | None = None if row is None else row[1]
        if record is None:
            if row is not None:
                fulltext.remove_name(self._db, row[0])
                self._db.execute("DELETE FROM files WHERE id = ?", (row[0],))
                self._word_tables.add("names")
                self._forgot = True
            return old_content
        new_content, reason = None, stored_reason(record.reason)
        if record.digest is not None and record.kind is not None:
            match = find_content(self._db, record.digest, record.kind)
            if match is None:
                raise LookupError(f"no content {record.digest} of kind {record.kind}")
            new_content = match[0]
        self._db.execute(
            "INSERT INTO files (path, size, mtime_ns, status, reason, content_id, missing) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " status = excluded.status, reason = excluded.reason, content_id = excluded.content_id,"
            " missing = excluded.missing",
            (key, record.size, record.mtime_ns, record.status, reason, new_content, int(record.missing)),
        )
        fulltext.put_name(self._db, key, record.status == "ok")
        if old_content is not None and new_content is None:
            self._word_tables.add("names")
        self._forgot = self._forgot or (row is not None and (old_content, row[2]) != (new_content, reason))
        return None if old_content == new_content else old_content

    def _delete_orphan(self, content_id: int) -> None:
        """Delete a content if no file holds it; its rows in the vector files become tombstones."""
        if self._db.execute("SELECT 1 FROM files WHERE content_id = ?", (content_id,)).fetchone():
            return
        lost = self._db.execute(
            "SELECT segment_id, count(*) FROM items WHERE content_id = ? GROUP BY segment_id", (content_id,)
        ).fetchall()
        self._db.execute("INSERT INTO tombstones SELECT segment_id, row FROM items WHERE content_id = ?", (content_id,))
        if thumbnail_cache.exists(self._directory):
            self._thumbnails += thumbnail_cache.names_of_content(self._db, content_id)
        fulltext.remove_passages(self._db, content_id)
        self._word_tables.add("passages")
        self._db.execute("DELETE FROM items WHERE content_id = ?", (content_id,))
        self._db.execute("DELETE FROM contents WHERE id = ?", (content_id,))
        for segment_id, count in lost:
            self._db.execute("UPDATE segments SET live = live - ? WHERE id = ?", (count, segment_id))
