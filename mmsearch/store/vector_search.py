"""The vectors of one snapshot: the nearest to a query, those of items, a sample, all of them.

Opens vector files and accelerators when it needs them. One that a merge has taken away meanwhile is a
FileNotFoundError, for whoever holds the snapshot to deal with; an accelerator that stays away, or is damaged, is done
without.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_files, value_check
from mmsearch.store.ann_index import AnnFile, AnnIndex
from mmsearch.store.ann_search import AnnSearch, Hits
from mmsearch.store.faiss_files import Rows
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.store.row_table import Mask, RowTable, Segment
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

log = logging.getLogger(__name__)

_MOST_TIES = 4096
_FEW_ROWS = 2048
"""So many rows of a file are picked one by one rather than looked for among all."""


class Block(NamedTuple):
    """Some vectors, float32 `(n, dim)`, with the ids of their items and of the contents these are of, int64 `(n,)`."""

    items: Rows
    contents: Rows
    vectors: Vectors


@dataclass
class OpenFiles:
    """Files that are open, by number, and accelerators that were not where they should be: what outlasts a snapshot."""

    vectors: dict[int, faiss_files.SegmentFile] = field(default_factory=dict)
    accelerators: dict[int, AnnFile] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def forget(self, segments: set[int], accelerators: set[int]) -> None:
        """Close all that is not listed any more."""
        self.vectors = {number: file for number, file in self.vectors.items() if number in segments}
        self.accelerators = {number: file for number, file in self.accelerators.items() if number in accelerators}


class VectorSearch:
    """The vector files of one snapshot; `opened` are those of the snapshot before that may still be of use."""

    def __init__(self, directory: str, dim: int, rows: RowTable, opened: OpenFiles) -> None:
        self._directory = directory
        self._dim = dim
        self._rows = rows
        self._accelerated: dict[int, AnnSearch | None] = {}
        self._listed: dict[Modality | None, tuple[list[Segment], list[AnnIndex]]] = {}
        self.opened = opened
        if opened.vectors or opened.accelerators:
            segments, accelerators = self._list(None)
            opened.forget({one.number for one in segments}, {one.number for one in accelerators})

    def open_all(self, partitions: Sequence[Modality]) -> None:
        """Open every file of these now. One that is damaged stays shut, and matters to those who ask for it."""
        for segments, accelerators in map(self._list, partitions):
            for segment in segments:
                with suppress(IndexDamaged):
                    self._file(segment)
            for accelerator in accelerators:
                self._lookup(accelerator)

    def _list(self, partition: Modality | None) -> tuple[list[Segment], list[AnnIndex]]:
        """Vector files and accelerators of a partition, or of all."""
        if partition not in self._listed:
            try:
                accelerators = self._rows.accelerators(partition)
            except IndexDamaged as error:
                log.warning("searches are slow: %s", error)
                accelerators = []
            self._listed[partition] = self._rows.segments(partition), accelerators
        return self._listed[partition]

    def search(self, queries: Vectors, partition: Modality, k: int, where: Filter) -> list[Hits]:
        """For each row of float32 `(n, dim)` the `k` nearest items that may answer, equal ones by id."""
        segments, accelerators = self._list(partition)
        found: list[Hits] = [[] for _ in queries]
        for accelerator in accelerators:
            covered = [one for one in segments if one.accelerator == accelerator.number]
            lookup = self._lookup(accelerator)
            if lookup is not None:
                segments = [one for one in segments if one.accelerator != accelerator.number]
                _extend(found, self._search_covered(lookup, covered, queries, k, where))
        for segment in segments:
            _extend(found, self._search_one(segment, queries, k, where))
        return [sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k] for hits in found]

    def _search_covered(
        self, lookup: AnnSearch, covered: list[Segment], queries: Vectors, k: int, where: Filter
    ) -> list[Hits]:
        """By the accelerator, and all vectors of its files one by one for the queries that it has no answer to."""
        found = lookup.search(queries, k, where)
        asking = [query for query, hits in enumerate(found) if hits is None]
        more: list[Hits] = [[] for _ in asking]
        for segment in covered if asking else []:
            _extend(more, self._search_one(segment, queries[asking], k, where))
        answers = iter(more)
        return [next(answers) if hits is None else hits for hits in found]

    def _lookup(self, accelerator: AnnIndex) -> AnnSearch | None:
        """An accelerator that is open, or None where it cannot be."""
        number = accelerator.number
        if number not in self._accelerated:
            file = self._accelerator_file(accelerator)
            covered = [one for one in self._list(accelerator.partition)[0] if one.accelerator == number]
            self._accelerated[number] = None if file is None else AnnSearch(file, covered, self._rows, self._file)
        return self._accelerated[number]

    def _accelerator_file(self, accelerator: AnnIndex) -> AnnFile | None:
        if accelerator.number in self.opened.accelerators:
            return self.opened.accelerators[accelerator.number]
        try:
            file = AnnFile(self._directory, accelerator)
        except FileNotFoundError:
            if accelerator.number not in self.opened.gone:  # another may have taken its place, in a newer snapshot
                self.opened.gone.add(accelerator.number)
                raise
            log.warning("%s is gone, so searches are slow: run `mmsearch index --optimize`", accelerator.name)
            return None
        except (IndexDamaged, OSError) as error:
            told = str(error).removesuffix(f": {faiss_files.REMEDY}")
            log.warning("searches are slow: %s: `mmsearch index --optimize` makes another", told)
            return None
        self.opened.accelerators[accelerator.number] = file
        return file

    def _search_one(self, segment: Segment, queries: Vectors, k: int, where: Filter) -> list[Hits]:
        alive = self._rows.alive(segment, where)
        available = segment.count if alive is None else int(np.count_nonzero(alive))
        if not available:
            return [[] for _ in queries]
        file = self._file(segment)
        if alive is not None and available <= _FEW_ROWS:
            rows = np.flatnonzero(alive)
            products = file.products(queries, rows)
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
            if number not in segments:
                raise IndexDamaged(f"items lie in vector file {number}, which there is not: {value_check.REMEDY}")
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

    def open_partition(self, partition: Modality) -> list[tuple[Segment, faiss_files.SegmentFile]]:
        """The files of a partition, all of them open."""
        return [(segment, self._file(segment)) for segment in self._rows.segments(partition)]

    def blocks(
        self, opened: Sequence[tuple[Segment, faiss_files.SegmentFile]], where: Filter, numbers: int
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

    def _file(self, segment: Segment) -> faiss_files.SegmentFile:
        opened = self.opened.vectors
        if segment.number not in opened:
            path = faiss_files.segment_path(self._directory, segment.name)
            opened[segment.number] = faiss_files.SegmentFile(path, self._dim, segment.count)
        return opened[segment.number]


def _extend(found: list[Hits], more: list[Hits]) -> None:
    for hits, others in zip(found, more, strict=True):
        hits.extend(others)


def _whole_ties(
    file: faiss_files.SegmentFile, query: Vectors, found: tuple[Rows, Vectors], k: int, alive: Mask | None, most: int
) -> tuple[Rows, Vectors]:
    """FAISS picks at will among equal scores at the end of its list: look on until the tie ends, within reason."""
    rows, scores = found
    while k < len(rows) < min(most, k + _MOST_TIES) and scores[-1] == scores[k - 1]:
        rows, scores = file.search(query[None], min(4 * len(rows), most), alive)[0]
    return rows, scores
