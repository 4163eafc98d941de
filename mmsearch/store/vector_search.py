"""The vectors of one snapshot: the nearest to a query, those of items, a sample, all of them.

Opens vector files and ANN indexes when it needs them. A file that a merge has removed meanwhile is a
FileNotFoundError, which the reader handles; an ANN index that stays away, or is damaged, is done without. Results
through an ANN index are those of comparing every vector, to the last digit of a score, except that one of the best may
be missing, as rarely as the index was tuned to.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_files, value_check
from mmsearch.store.faiss_files import Rows, SegmentFile
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.store.row_table import RowTable, Segment
from mmsearch.system.lazy_import import LazyModule
from mmsearch.system.plain_data import dataclass
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.store.ann_index import AnnFile, AnnIndex, Selection
else:
    np = LazyModule("numpy")

log = logging.getLogger(__name__)

Hits = list[tuple[int, float]]
"""Item ids and cosines, best first."""
EXACT_LIMIT = 16_384
"""At most this many vectors are compared one by one, which is exact; they may lie in all lists of an ANN index."""
_EXACT_SHARE = 8
"""If more than one vector in eight would be a candidate, comparing them all is as quick."""
_MOST_TIES = 4096
_FEW_MISSING = 20
"""If more than one vector in twenty is of missing files, these are filtered out beforehand."""
_DEEPER = 4
_FILTERED_PROBES = 4
"""With a filter four times as many lists are scanned: passing vectors may be far from the query, in more lists."""
_SPARE = 8
"""Extra candidates, so that one that is gone is no reason to search again."""
_FEW_ROWS = 2048
"""At most this many rows of a file are scored one by one; more are selected from all of them."""
ROWS_PER_CANDIDATE = 100
"""Rows that are listed in the time that one candidate takes."""
_FIRST_OVERSAMPLING, _SLACK = 4, 1.5


class Block(NamedTuple):
    """Some vectors, float32 `(n, dim)`, with their item ids and content ids, int64 `(n,)`."""

    items: Rows
    contents: Rows
    vectors: Vectors


@dataclass()
class OpenFiles:
    """Open files by number, and the ANN indexes whose files were missing: what outlasts a snapshot."""

    vectors: dict[int, SegmentFile] = field(default_factory=dict)
    ann_indexes: dict[int, AnnFile] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)

    def keep_only(self, segments: set[int], ann_indexes: set[int]) -> None:
        """Close all files that are not listed any more."""
        self.vectors = {number: file for number, file in self.vectors.items() if number in segments}
        self.ann_indexes = {number: file for number, file in self.ann_indexes.items() if number in ann_indexes}


class VectorSearch:
    """The vector files of one snapshot; `opened` are files of the snapshot before that may still be of use."""

    def __init__(self, directory: str, dim: int, rows: RowTable, open_files: OpenFiles) -> None:
        self._directory = directory
        self._dim = dim
        self._rows = rows
        self._ann_searches: dict[int, AnnSearch | None] = {}
        self._listed: dict[Modality | None, tuple[list[Segment], list[AnnIndex]]] = {}
        self.open_files = open_files
        if open_files.vectors or open_files.ann_indexes:
            segments, ann_indexes = self._list(None)
            open_files.keep_only({segment.number for segment in segments}, {row.number for row in ann_indexes})

    def open_all(self, partitions: Sequence[Modality]) -> None:
        """Open every file of these partitions now; damaged ones are reported by the searches that need them."""
        for segments, ann_indexes in map(self._list, partitions):
            for segment in segments:
                with suppress(IndexDamaged):
                    self._file(segment)
            for row in ann_indexes:
                self._ann_search(row)

    def _list(self, partition: Modality | None) -> tuple[list[Segment], list[AnnIndex]]:
        """Vector files and ANN indexes of a partition, or of all."""
        if partition not in self._listed:
            try:
                ann_indexes = self._rows.ann_indexes(partition)
            except IndexDamaged as error:
                log.warning("searches are slow: %s", error)
                ann_indexes = []
            self._listed[partition] = self._rows.segments(partition), ann_indexes
        return self._listed[partition]

    def search(self, queries: Vectors, partition: Modality, k: int, where: Filter) -> list[Hits]:
        """For each row of float32 `(n, dim)` the `k` nearest items that pass the filter, equal scores by id."""
        if where != EVERYTHING and (oversampled := self._oversample(queries, partition, k, where)) is not None:
            return oversampled
        segments, ann_indexes = self._list(partition)
        hits_by_query: list[Hits] = [[] for _ in queries]
        for row in ann_indexes:
            ann_search = self._ann_search(row)
            if ann_search is None:
                continue
            results = ann_search.search(queries, k, where)
            pending = [query for query, hits in enumerate(results) if hits is None]
            for query, hits in enumerate(results):
                hits_by_query[query] += hits or []
            for segment in segments if pending else ():
                if segment.accelerator == row.number:
                    for query, hits in zip(pending, self._compare(segment, queries[pending], k, where), strict=True):
                        hits_by_query[query] += hits
            segments = [segment for segment in segments if segment.accelerator != row.number]
        for segment in segments:
            for query, hits in enumerate(self._compare(segment, queries, k, where)):
                hits_by_query[query] += hits
        return [sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k] for hits in hits_by_query]

    def _oversample(self, queries: Vectors, partition: Modality, k: int, where: Filter) -> list[Hits] | None:
        """`search` for filters that much of an index passes: take more of the nearest, and keep those that pass.

        Its cost depends on `k` and not on the size of the index. Listing the passing contents reads the table of files
        once, and makes later searches with that filter quick. So this returns None when it would cost as much, at once
        or in several searches with one filter.
        """
        most = sum(segment.count for segment in self._rows.segments(partition)) / ROWS_PER_CANDIDATE
        spent = self._rows.oversampled
        first = depth = _FIRST_OVERSAMPLING * k
        while spent.get(where, 0) + depth * len(queries) <= most:
            candidates = self.search(queries, partition, depth, EVERYTHING)
            passing = self._rows.passing({item for item, _ in chain.from_iterable(candidates)}, where)
            passing_hits = [[hit for hit in hits if hit[0] in passing] for hits in candidates]
            pairs = zip(passing_hits, candidates, strict=True)
            complete = all(len(passed) >= k or len(hits) < depth for passed, hits in pairs)
            if not complete or depth > first:
                spent[where] = spent.get(where, 0) + depth * len(queries)
            if complete:
                return [hits[:k] for hits in passing_hits]
            fewest = min(map(len, passing_hits))
            if not fewest:
                break
            # A few more than the share that has passed so far lets expect.
            depth = max(2 * depth, int(_SLACK * k * depth / fewest))
        spent[where] = math.inf  # once the filter is listed there is no more to gain
        return None

    def _ann_search(self, row: AnnIndex) -> AnnSearch | None:
        """The search by an ANN index, or None if its file cannot be used."""
        if row.number not in self._ann_searches:
            file = self._ann_file(row)
            covered = [segment for segment in self._list(row.partition)[0] if segment.accelerator == row.number]
            self._ann_searches[row.number] = None if file is None else AnnSearch(file, covered, self._rows, self._file)
        return self._ann_searches[row.number]

    def _ann_file(self, row: AnnIndex) -> AnnFile | None:
        if row.number in self.open_files.ann_indexes:
            return self.open_files.ann_indexes[row.number]
        from mmsearch.store import ann_index  # late: small indexes have none

        try:
            file = ann_index.AnnFile(self._directory, row)
        except FileNotFoundError:
            if row.number not in self.open_files.missing:  # another may have taken its place, in a newer snapshot
                self.open_files.missing.add(row.number)
                raise
            log.warning("%s is gone, so searches are slow: run `mmsearch index --optimize`", row.name)
            return None
        except (IndexDamaged, OSError) as error:
            reason = str(error).removesuffix(f": {faiss_files.REMEDY}")
            log.warning("searches are slow: %s: `mmsearch index --optimize` makes another", reason)
            return None
        self.open_files.ann_indexes[row.number] = file
        return file

    def _compare(self, segment: Segment, queries: Vectors, k: int, where: Filter) -> list[Hits]:
        """The nearest in one vector file, by comparing all of its vectors."""
        alive = self._rows.alive(segment, where)
        available = segment.count if alive is None else int(np.count_nonzero(alive))
        if not available:
            return [[] for _ in queries]
        file = self._file(segment)
        results: list[tuple[Rows, Vectors]] = []
        if alive is not None and available <= _FEW_ROWS:
            rows = np.flatnonzero(alive)
            products = file.products(queries, rows)
            bars = np.partition(products, available - min(k, available), axis=1)[:, available - min(k, available)]
            results = [(rows[scores >= bar], scores[scores >= bar]) for scores, bar in zip(products, bars, strict=True)]
        else:
            for query, result in zip(queries, file.search(queries, min(k + 1, available), alive), strict=True):
                rows, scores = result
                # FAISS picks at will among equal scores at the end: search on until the tie ends, within reason.
                while k < len(rows) < min(available, k + _MOST_TIES) and scores[-1] == scores[k - 1]:
                    rows, scores = file.search(query[None], min(4 * len(rows), available), alive)[0]
                results.append((rows, scores))
        return [
            list(zip(self._rows.item_ids(segment, rows), map(float, scores), strict=True)) for rows, scores in results
        ]

    def vectors_of(self, item_ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of items by their id, float32 `(dim,)` each; items that are gone are left out."""
        segments = {segment.number: segment for segment in self._rows.segments()}
        vectors: dict[int, Vectors] = {}
        for number, pairs in self._rows.rows_of_items(item_ids).items():
            if number not in segments:
                raise IndexDamaged(f"items refer to missing vector file {number}: {value_check.REMEDY}")
            blocks = self._file(segments[number]).read(np.array([row for _, row in pairs], np.int64))
            vectors.update(zip((item for item, _ in pairs), chain.from_iterable(blocks), strict=True))
        return vectors

    def sample(self, partition: Modality, limit: int) -> Vectors:
        """Live vectors spread evenly over a partition: float32 `(at most limit, dim)`."""
        segments = self._rows.segments(partition)
        alive = [self._alive_rows(segment, EVERYTHING) for segment in segments]
        total = sum(map(len, alive))
        picks = np.linspace(0, total - 1, min(limit, total)).astype(np.int64)
        blocks, offset = [np.zeros((0, self._dim), dtype=np.float32)], 0
        for segment, rows in zip(segments, alive, strict=True):
            file_picks = picks[(picks >= offset) & (picks < offset + len(rows))] - offset
            offset += len(rows)
            if len(file_picks):
                blocks += self._file(segment).read(rows[file_picks])
        return np.concatenate(blocks)

    def open_partition(self, partition: Modality) -> list[tuple[Segment, SegmentFile]]:
        """The vector files of a partition, all of them open."""
        return [(segment, self._file(segment)) for segment in self._rows.segments(partition)]

    def blocks(self, segments: Sequence[tuple[Segment, SegmentFile]], where: Filter, numbers: int) -> Iterator[Block]:
        """The vectors that pass the filter, in the order of the files, at most `numbers` numbers at a time."""
        step = max(1, numbers // self._dim)
        for segment, file in segments:
            rows = self._alive_rows(segment, where)
            contents = self._rows.contents_of(segment)
            for start in range(0, len(rows), step):
                batch = rows[start : start + step]
                items = np.array(self._rows.item_ids(segment, batch), dtype=np.int64)
                yield Block(items, contents[batch], np.concatenate(list(file.read(batch))))

    def _alive_rows(self, segment: Segment, where: Filter) -> Rows:
        alive = self._rows.alive(segment, where)
        return np.arange(segment.count) if alive is None else np.flatnonzero(alive)

    def _file(self, segment: Segment) -> SegmentFile:
        open_files = self.open_files.vectors
        if segment.number not in open_files:
            path = faiss_files.segment_path(self._directory, segment.name)
            open_files[segment.number] = SegmentFile(path, self._dim, segment.count)
        return open_files[segment.number]


class AnnSearch:
    """Search by one ANN index over one snapshot: candidates from it, scored from the vector files that it covers.

    `open_file` opens a vector file; the covered ones are `segments`.
    """

    def __init__(
        self,
        file: AnnFile,
        segments: Sequence[Segment],
        rows: RowTable,
        open_file: Callable[[Segment], SegmentFile],
    ) -> None:
        self._file = file
        self._segments = {segment.number: segment for segment in segments}
        self._live = sum(segment.live for segment in segments)
        self._rows = rows
        self._open = open_file
        self._selected: tuple[Filter, Selection | None] | None = None

    def search(self, queries: Vectors, k: int, where: Filter) -> list[Hits | None]:
        """For each query, float32 `(n, dim)`, the `k` nearest, equal scores by id; None where all must be compared."""
        results: list[Hits | None] = [None] * len(queries)
        if self._rows.few(where):  # then the rows are counted without reading all contents
            masks = (self._rows.alive(segment, where) for segment in self._segments.values())
            if sum(int(np.count_nonzero(mask)) for mask in masks if mask is not None) <= EXACT_LIMIT:
                return results
        selection = self._select(where)
        if selection is not None and selection.count <= EXACT_LIMIT:
            return results
        indexed = self._file.row.count
        total = indexed if selection is None else selection.count
        pending, effort = list(range(len(queries))), self._file.row.effort(k)
        # Some of the candidates belong to items that are gone.
        count = math.ceil(k * effort.refine * indexed / max(1, self._live)) + _SPARE
        probes = effort.probes * (1 if selection is None else _FILTERED_PROBES)
        while pending and count * _EXACT_SHARE <= total:
            candidates = self._file.search(queries[pending], count, probes, selection)
            for query, positions in zip(pending, candidates, strict=True):
                hits = self._score(queries[query], positions[positions >= 0])
                if len(hits) >= k and (hits[k - 1][1] > hits[-1][1] or len(hits) >= k + _MOST_TIES):
                    results[query] = hits[:k]
            pending = [query for query in pending if results[query] is None]
            count, probes = count * _DEEPER, probes * _DEEPER
        return results

    def _select(self, where: Filter) -> Selection | None:
        """The vectors that pass; None for all, or all but so few that they are better left out afterwards."""
        if self._selected is None or self._selected[0] != where:
            everything = where == EVERYTHING and self._rows.missing * _FEW_MISSING <= self._file.row.count
            mask = None if everything else self._rows.answering(self._file.contents, where)
            self._selected = where, None if mask is None else self._file.select(mask)
        return self._selected[1]

    def _score(self, query: Vectors, positions: Rows) -> Hits:
        """The live items at some positions, scored from the vectors themselves."""
        if self._rows.missing:
            positions = positions[self._rows.answering(self._file.contents[positions], EVERYTHING)]
        hits: Hits = []
        for number, pairs in self._rows.rows_of_items(self._file.items[positions].tolist()).items():
            if number in self._segments:
                ids, rows = zip(*pairs, strict=True)
                scores = self._open(self._segments[number]).products(query[None], np.array(rows, np.int64))[0]
                hits += zip(ids, map(float, scores), strict=True)
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))
