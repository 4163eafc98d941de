"""Reading an index: search, the files behind the results, and what there is to know about it.

A reader sees the index as it was when it was opened, whatever a writer does meanwhile, and needs no lock and no
writable directory. Knows nothing about models, ranking or fusion: it takes a vector and gives back items.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from mmsearch.core import Item, Modality, Span, Vectors
from mmsearch.deferred import Deferred
from mmsearch.errors import IndexDamaged, IndexMismatch
from mmsearch.store import schema, vectors
from mmsearch.store.queries import FILE_COLUMNS, file_record, find_file, find_roots, load_codec, require_current
from mmsearch.store.records import EVERYTHING, FileRecord, FileStatus, Filter, Located, StoreStatus
from mmsearch.store.vectors import Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = Deferred("numpy")

T = TypeVar("T")
Mask: TypeAlias = "npt.NDArray[np.bool_]"

_ATTEMPTS = 8
_PARAMETERS = 500
_MOST_TIES = 4096
# Contents whose every file is missing. All others have a live file: a commit deletes those that have none.
_DEAD_CONTENTS = """SELECT DISTINCT m.content_id FROM files m WHERE m.missing = 1 AND m.content_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM files l WHERE l.content_id = m.content_id AND l.missing = 0)"""

_ROWS_BY_SEGMENT = """SELECT s.name, s.count, s.live,
    (SELECT count(DISTINCT i.row) FROM items i WHERE i.segment_id = s.id),
    (SELECT count(*) FROM tombstones t WHERE t.segment_id = s.id) FROM segments s ORDER BY s.id"""


class Block(NamedTuple):
    """Some vectors, float32 `(n, dim)`, with the ids of their items and of the contents these are of, int64 `(n,)`."""

    items: Rows
    contents: Rows
    vectors: Vectors


@dataclass(frozen=True)
class _Segment:
    number: int
    name: str
    count: int


class Reader:
    """A snapshot of an index; a context manager. Use one on one thread."""

    def __init__(self, directory: str, db: sqlite3.Connection) -> None:
        """Use `open`."""
        self.directory = directory
        self._db = db
        self._opened: dict[int, vectors.SegmentFile] = {}
        self._contents: dict[int, Rows] = {}
        self._dead: dict[int, list[int]] | None = None
        self._last_filter: tuple[Filter, Mask] | None = None
        self._begin()

    @classmethod
    def open(cls, directory: str) -> Reader:
        """Open the index in a directory.

        Raises:
            IndexMissing: there is none.
            IndexMismatch: it has a format that this version does not read.
            IndexDamaged: it cannot be read.
        """
        directory = os.path.abspath(directory)
        with schema.translated(directory):
            db = schema.connect_reader(directory)
            try:
                return cls(directory, db)
            except BaseException:
                db.close()
                raise

    def _begin(self) -> None:
        self._db.execute("BEGIN")  # the snapshot starts with the first read and lasts until refresh or close
        require_current(self._db, self.directory)
        self.identity = schema.identity_of(self._db, self.directory)
        self._codec = load_codec(self._db, self.directory)
        self._contents.clear()
        self._dead = None
        self._last_filter = None

    def refresh(self) -> None:
        """Go on to what is committed now. Ids of items that are still there stay what they were."""
        with schema.translated(self.directory):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._begin()
            listed = {number for (number,) in self._db.execute("SELECT id FROM segments")}
            self._opened = {number: file for number, file in self._opened.items() if number in listed}

    def close(self) -> None:
        """End the snapshot. Closing twice is fine."""
        self._opened.clear()
        self._db.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def counts(self) -> dict[Modality, int]:
        """Live items by partition: those with a file that is there."""
        with schema.translated(self.directory):
            totals = dict(self._db.execute("SELECT partition, sum(live) FROM segments GROUP BY partition"))
            dead = self._db.execute(
                f"SELECT partition, count(*) FROM items WHERE content_id IN ({_DEAD_CONTENTS}) GROUP BY partition"
            )
            for partition, count in dead:
                totals[partition] -= count
            return {partition: count for partition, count in totals.items() if count}

    def search(
        self, vector: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING
    ) -> list[tuple[int, float]]:
        """The nearest items of a partition that lie in a live file which passes the filter.

        Args:
            vector: float32 `(dim,)`, unit length.
            partition: where to look.
            k: how many; fewer come back only when there are no more.
            where: what may answer.

        Returns:
            Item ids and cosines, best first, equal ones by id.
        """
        if vector.shape != (self.identity.dim,):
            raise ValueError(f"a query for this index has shape ({self.identity.dim},), got {vector.shape}")
        query = np.ascontiguousarray(vector, dtype=np.float32)

        def attempt() -> list[tuple[int, float]]:
            hits = [hit for one in self._segments(partition) for hit in self._search_one(one, query, k, where)]
            return sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k]

        return self._retry(attempt) if k > 0 else []

    def _search_one(self, segment: _Segment, query: Vectors, k: int, where: Filter) -> Iterator[tuple[int, float]]:
        alive = self._alive(segment, where)
        available = segment.count if alive is None else int(np.count_nonzero(alive))
        if not available:
            return iter(())
        file, want = self._file(segment), min(k + 1, available)
        rows, scores = file.search(query, want, alive)
        # FAISS picks at will among equal scores at the end of its list: look on until the tie ends, within reason.
        while k < want < available and scores[-1] == scores[k - 1] and want < k + _MOST_TIES:
            want = min(4 * want, available)
            rows, scores = file.search(query, want, alive)
        return zip(self._item_ids(segment, rows), map(float, scores), strict=True)

    def _alive(self, segment: _Segment, where: Filter) -> Mask | None:
        """Which rows may answer, bool `(count,)`; None for all of them, which is the common case and costs nothing."""
        if where != EVERYTHING:
            chosen: Mask = self._allowed(where)[self._contents_of(segment)]
            return chosen
        dead = self._dead_rows().get(segment.number)
        if dead is None:
            return None
        alive = np.ones(segment.count, dtype=np.bool_)
        alive[dead] = False
        return alive

    def _dead_rows(self) -> dict[int, list[int]]:
        """By segment, the rows that never answer: tombstones, and items whose every file is missing."""
        if self._dead is None:
            self._dead = {}
            rows = self._db.execute(
                "SELECT segment_id, row FROM tombstones UNION ALL"
                f" SELECT segment_id, row FROM items WHERE content_id IN ({_DEAD_CONTENTS})"
            )
            for number, row in rows:
                self._dead.setdefault(number, []).append(row)
        return self._dead

    def _allowed(self, where: Filter) -> Mask:
        """Bool by content id (0 is no content): has it a live file that passes?"""
        if self._last_filter is None or self._last_filter[0] != where:
            allowed = np.zeros(self._highest_content() + 1, dtype=np.bool_)
            allowed[list(self._passing_contents(where))] = True
            self._last_filter = where, allowed
        return self._last_filter[1]

    def _passing_contents(self, where: Filter) -> Iterator[int]:
        if where.accept is None:  # no path has to be read
            rows = self._db.execute(f"SELECT id, modality FROM contents WHERE id NOT IN ({_DEAD_CONTENTS})")
            return (content for content, modality in rows if self._passes(where, modality, b""))
        rows = self._db.execute(
            "SELECT f.content_id, c.modality, f.path FROM files f JOIN contents c ON c.id = f.content_id"
            " WHERE f.missing = 0"
        )
        return (content for content, modality, path in rows if self._passes(where, modality, path))

    def _passes(self, where: Filter, modality: Modality, path: bytes) -> bool:
        if where.modalities is not None and modality not in where.modalities:
            return False
        return where.accept is None or where.accept(self._codec.decode(path))

    def _highest_content(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM contents").fetchone()[0])

    def _segments(self, partition: Modality) -> list[_Segment]:
        rows = self._db.execute("SELECT id, name, count FROM segments WHERE partition = ? ORDER BY id", (partition,))
        return [_Segment(*row) for row in rows]

    def _contents_of(self, segment: _Segment) -> Rows:
        """The content of each row, int64 `(count,)`; 0 where the row is a tombstone."""
        if segment.number not in self._contents:
            query = "SELECT row, content_id FROM items WHERE segment_id = ?"
            table = np.array(self._db.execute(query, (segment.number,)).fetchall(), dtype=np.int64).reshape(-1, 2)
            contents = np.zeros(segment.count, dtype=np.int64)
            contents[table[:, 0]] = table[:, 1]
            self._contents[segment.number] = contents
        return self._contents[segment.number]

    def _item_ids(self, segment: _Segment, rows: Rows) -> list[int]:
        ids: dict[int, int] = {}
        for part in _parts([int(row) for row in rows]):
            query = f"SELECT row, id FROM items WHERE segment_id = ? AND row IN ({_marks(part)})"
            ids.update(self._db.execute(query, (segment.number, *part)))
        return [ids[int(row)] for row in rows]

    def _file(self, segment: _Segment) -> vectors.SegmentFile:
        if segment.number not in self._opened:
            path = vectors.segment_path(self.directory, segment.name)
            self._opened[segment.number] = vectors.SegmentFile(path, self.identity.dim, segment.count)
        return self._opened[segment.number]

    def _retry(self, attempt: Callable[[], T]) -> T:
        """Run something that opens vector files; a merge may have replaced them since the snapshot was taken."""
        gone: FileNotFoundError | None = None
        with schema.translated(self.directory):
            for _ in range(_ATTEMPTS):
                try:
                    return attempt()
                except FileNotFoundError as error:
                    gone, before = error, self.identity
                    self.refresh()
                    if self.identity != before:
                        raise IndexMismatch(
                            f"the index in {self.directory} was rebuilt with other settings meanwhile: run it again"
                        ) from error
        raise IndexDamaged(f"{gone.filename if gone else ''} is gone: add --rebuild") from gone

    def locate(self, item_ids: Sequence[int], where: Filter = EVERYTHING) -> dict[int, list[Located]]:
        """Where items are: every live file that holds their content and passes the filter, in order of paths.

        Every id asked for is in the answer, with an empty list when it is nowhere (any more).
        """
        found: dict[int, list[Located]] = {item_id: [] for item_id in item_ids}
        with schema.translated(self.directory):
            for part in _parts(list(found)):
                for located in self._located(part, where):
                    found[located.item_id].append(located)
        for places in found.values():
            places.sort(key=lambda located: os.fsencode(located.item.path))
        return found

    def _located(self, item_ids: Sequence[int], where: Filter) -> Iterator[Located]:
        rows = self._db.execute(
            "SELECT i.id, i.partition, i.ordinal, i.span_unit, i.span_start, i.span_end, i.text,"
            " c.digest, c.kind, c.modality, f.path, f.size, f.mtime_ns"
            " FROM items i JOIN contents c ON c.id = i.content_id JOIN files f ON f.content_id = c.id"
            f" WHERE f.missing = 0 AND i.id IN ({_marks(item_ids)})",
            item_ids,
        )
        for item_id, partition, ordinal, unit, start, end, text, digest, kind, modality, path, size, mtime_ns in rows:
            if self._passes(where, modality, path):
                span = Span(unit, start, end)
                item = Item(self._codec.decode(path), digest, modality, partition, ordinal, span, text)
                yield Located(item_id, item, kind, size, mtime_ns)

    def sample(self, partition: Modality, limit: int = 1024) -> Vectors:
        """Live vectors spread evenly over a partition, the same ones each time: float32 `(at most limit, dim)`."""
        return self._retry(lambda: self._sample(partition, limit))

    def _sample(self, partition: Modality, limit: int) -> Vectors:
        segments = self._segments(partition)
        masks = [self._alive(segment, EVERYTHING) for segment in segments]
        alive = [np.arange(s.count) if m is None else np.flatnonzero(m) for s, m in zip(segments, masks, strict=True)]
        total = sum(map(len, alive))
        picks = np.linspace(0, total - 1, min(limit, total)).astype(np.int64)
        blocks, offset = [np.zeros((0, self.identity.dim), dtype=np.float32)], 0
        for segment, rows in zip(segments, alive, strict=True):
            mine = picks[(picks >= offset) & (picks < offset + len(rows))] - offset
            offset += len(rows)
            if len(mine):
                blocks += self._file(segment).read(rows[mine])
        return np.concatenate(blocks)

    def blocks(self, partition: Modality, where: Filter = EVERYTHING, numbers: int = 1 << 22) -> Iterator[Block]:
        """Every live vector of a partition that passes the filter, a block of at most `numbers` numbers at a time.

        A merge meanwhile does no harm, since all files are opened before the first block is read. The order is that of
        the files, the same each time for one snapshot.
        """
        opened = self._retry(lambda: [(segment, self._file(segment)) for segment in self._segments(partition)])
        step = max(1, numbers // self.identity.dim)
        for segment, file in opened:
            alive = self._alive(segment, where)
            rows = np.arange(segment.count) if alive is None else np.flatnonzero(alive)
            contents = self._contents_of(segment)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                items = np.array(self._item_ids(segment, some), dtype=np.int64)
                yield Block(items, contents[some], np.concatenate(list(file.read(some))))

    def file(self, path: str) -> FileRecord | None:
        """What is known of one file."""
        with schema.translated(self.directory):
            return find_file(self._db, self._codec, path)

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, what it is, and its pixels where they are known."""
        with schema.translated(self.directory):
            yield from self._db.execute("SELECT id, modality, width * height FROM contents ORDER BY id")

    def shared(self) -> list[int]:
        """The contents that several files hold which are there."""
        query = "SELECT content_id FROM files WHERE missing = 0 AND content_id IS NOT NULL"
        with schema.translated(self.directory):
            rows = self._db.execute(f"{query} GROUP BY content_id HAVING count(*) > 1 ORDER BY content_id").fetchall()
        return [content for (content,) in rows]

    def copies(self, digest: str) -> list[str]:
        """The files that hold these very bytes and are there, in order."""
        query = "SELECT f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0 AND c.digest = ?"
        with schema.translated(self.directory):
            return sorted(self._codec.decode(path) for (path,) in self._db.execute(query, (digest,)))

    def failures(self, *, unsupported: bool = False) -> Iterator[FileRecord]:
        """Files that could not be read and are still there, in order of paths; with `unsupported` those too."""
        query = f"SELECT {FILE_COLUMNS} WHERE f.status <> 'ok' AND f.missing = 0 ORDER BY f.path"
        with schema.translated(self.directory):
            records = [file_record(self._codec, row) for row in self._db.execute(query)]
        return (record for record in records if unsupported or record.status == "failed")

    def status(self) -> StoreStatus:
        """The index in numbers; opens no vector file."""
        with schema.translated(self.directory):
            files: dict[FileStatus, int] = dict(
                self._db.execute("SELECT status, count(*) FROM files WHERE missing = 0 GROUP BY status")
            )
            modalities: dict[Modality, int] = dict(
                self._db.execute(
                    "SELECT c.modality, count(*) FROM files f JOIN contents c ON c.id = f.content_id"
                    " WHERE f.missing = 0 GROUP BY c.modality"
                )
            )
            missing = self._db.execute("SELECT count(*) FROM files WHERE missing = 1").fetchone()[0]
            segments, dead = self._db.execute(
                "SELECT count(*), coalesce(sum(count - live), 0) FROM segments"
            ).fetchone()
            return StoreStatus(
                directory=self.directory,
                format=schema.format_of(self._db, self.directory),
                identity=self.identity,
                roots=tuple(find_roots(self._db, self._codec)),
                files=files,
                modalities=modalities,
                items=self.counts(),
                missing=missing,
                segments=segments,
                tombstones=dead,
                bytes=_size(self.directory),
            )

    def problems(self) -> Iterator[str]:
        """Read everything and say what is wrong with it, one line each; slow. Nothing comes from a sound index."""
        with schema.translated(self.directory):
            for (line,) in self._db.execute("PRAGMA quick_check"):
                if line != "ok":
                    yield f"{schema.DATABASE}: {line}"
            for name, count, live, items, dead in self._db.execute(_ROWS_BY_SEGMENT).fetchall():
                if (live, count) != (items, items + dead):
                    yield f"{schema.DATABASE}: {name} has {count} rows, {items} with an item and {dead} without"
            for name, expected in self._db.execute("SELECT name, checksum FROM segments ORDER BY id").fetchall():
                try:
                    if vectors.checksum(vectors.segment_path(self.directory, name)) != expected:
                        yield f"{vectors.FOLDER}/{name}: its bytes are not those that were written"
                except FileNotFoundError:
                    yield f"{vectors.FOLDER}/{name}: gone"


def _parts(values: Sequence[int]) -> Iterator[Sequence[int]]:
    """Pieces that fit into one statement's parameters."""
    return (values[start : start + _PARAMETERS] for start in range(0, len(values), _PARAMETERS))


def _marks(values: Sequence[int]) -> str:
    return ",".join("?" * len(values))


def _size(directory: str) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except OSError:  # a writer removes files meanwhile
                continue
    return total
