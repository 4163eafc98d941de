"""The vectors of one snapshot: the nearest to a query, those of items, a sample, all of them.

Opens vector files when it needs them. One that a merge has taken away meanwhile is a FileNotFoundError, for whoever
holds the snapshot to deal with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.core import Modality, Vectors
from mmsearch.deferred import Deferred
from mmsearch.errors import IndexDamaged
from mmsearch.store import vectors
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.store.rows import Mask, RowTable, Segment
from mmsearch.store.vectors import Rows

if TYPE_CHECKING:
    import numpy as np
else:
    np = Deferred("numpy")

_MOST_TIES = 4096
_NARROW = 2048
"""So many vectors are compared one by one, which is exact with every kind of file, rather than looked up in it."""

Hits = list[tuple[int, float]]
"""Item ids and cosines, best first."""


class Block(NamedTuple):
    """Some vectors, float32 `(n, dim)`, with the ids of their items and of the contents these are of, int64 `(n,)`."""

    items: Rows
    contents: Rows
    vectors: Vectors


class Nearest:
    """The vector files of one snapshot; `opened` are those of the snapshot before that may still be of use."""

    def __init__(self, directory: str, dim: int, rows: RowTable, opened: dict[int, vectors.SegmentFile]) -> None:
        self._directory = directory
        self._dim = dim
        self._rows = rows
        listed = {segment.number for segment in rows.segments()} if opened else set()
        self.opened = {number: file for number, file in opened.items() if number in listed}

    def open_all(self, partitions: Sequence[Modality]) -> None:
        """Open every file of these now. One that is damaged stays shut, and matters to those who ask for it."""
        for partition in partitions:
            for segment in self._rows.segments(partition):
                with suppress(IndexDamaged):
                    self._file(segment)

    def search(self, queries: Vectors, partition: Modality, k: int, where: Filter) -> list[Hits]:
        """For each row of float32 `(n, dim)` the `k` nearest items that may answer, equal ones by id."""
        parts = [self._search_one(one, queries, k, where) for one in self._rows.segments(partition)]
        together = (chain.from_iterable(hits) for hits in zip(*parts, strict=True))
        found = [sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k] for hits in together]
        return found or [[] for _ in queries]

    def _search_one(self, segment: Segment, queries: Vectors, k: int, where: Filter) -> list[Hits]:
        alive = self._rows.alive(segment, where)
        available = segment.count if alive is None else int(np.count_nonzero(alive))
        if not available:
            return [[] for _ in queries]
        file = self._file(segment)
        if alive is not None and available <= _NARROW:
            rows = np.flatnonzero(alive)
            products = queries @ np.concatenate(list(file.read(rows))).T
            bars = np.partition(products, available - min(k, available), axis=1)[:, available - min(k, available)]
            kept = [scores >= bar for scores, bar in zip(products, bars, strict=True)]
            return [self._hits(segment, rows[best], scores[best]) for scores, best in zip(products, kept, strict=True)]
        found = file.search(queries, min(k + 1, available), alive)
        return [
            self._hits(segment, *_whole_ties(file, query, hits, k, alive, available))
            for query, hits in zip(queries, found, strict=True)
        ]

    def _hits(self, segment: Segment, rows: Rows, scores: Vectors) -> Hits:
        return list(zip(self._rows.item_ids(segment, rows), map(float, scores), strict=True))

    def of_items(self, item_ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of items by their id, float32 `(dim,)` each; those that are gone are left out."""
        segments = {one.number: one for one in self._rows.segments()}
        found: dict[int, Vectors] = {}
        for number, places in self._rows.places(item_ids).items():
            blocks = self._file(segments[number]).read(np.array([row for _, row in places], np.int64))
            found.update(zip((item for item, _ in places), chain.from_iterable(blocks), strict=True))
        return found

    def sample(self, partition: Modality, limit: int) -> Vectors:
        """Live vectors spread evenly over a partition: float32 `(at most limit, dim)`."""
        segments = self._rows.segments(partition)
        alive = [self._alive_rows(segment, EVERYTHING) for segment in segments]
        total = sum(map(len, alive))
        picks = np.linspace(0, total - 1, min(limit, total)).astype(np.int64)
        blocks, offset = [np.zeros((0, self._dim), dtype=np.float32)], 0
        for segment, rows in zip(segments, alive, strict=True):
            mine = picks[(picks >= offset) & (picks < offset + len(rows))] - offset
            offset += len(rows)
            if len(mine):
                blocks += self._file(segment).read(rows[mine])
        return np.concatenate(blocks)

    def open_partition(self, partition: Modality) -> list[tuple[Segment, vectors.SegmentFile]]:
        """The files of a partition, all of them open."""
        return [(segment, self._file(segment)) for segment in self._rows.segments(partition)]

    def blocks(
        self, opened: Sequence[tuple[Segment, vectors.SegmentFile]], where: Filter, numbers: int
    ) -> Iterator[Block]:
        """What may answer in open files, a block of at most `numbers` numbers at a time, in the order of the files."""
        step = max(1, numbers // self._dim)
        for segment, file in opened:
            rows = self._alive_rows(segment, where)
            contents = self._rows.contents_of(segment)
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                items = np.array(self._rows.item_ids(segment, some), dtype=np.int64)
                yield Block(items, contents[some], np.concatenate(list(file.read(some))))

    def _alive_rows(self, segment: Segment, where: Filter) -> Rows:
        alive = self._rows.alive(segment, where)
        return np.arange(segment.count) if alive is None else np.flatnonzero(alive)

    def _file(self, segment: Segment) -> vectors.SegmentFile:
        if segment.number not in self.opened:
            path = vectors.segment_path(self._directory, segment.name)
            self.opened[segment.number] = vectors.SegmentFile(path, self._dim, segment.count)
        return self.opened[segment.number]


def _whole_ties(
    file: vectors.SegmentFile, query: Vectors, found: tuple[Rows, Vectors], k: int, alive: Mask | None, most: int
) -> tuple[Rows, Vectors]:
    """FAISS picks at will among equal scores at the end of its list: look on until the tie ends, within reason."""
    rows, scores = found
    while k < len(rows) < min(most, k + _MOST_TIES) and scores[-1] == scores[k - 1]:
        rows, scores = file.search(query[None], min(4 * len(rows), most), alive)[0]
    return rows, scores
