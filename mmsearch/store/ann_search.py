"""Search by an accelerator: candidates from it, scored again from the vector files that it covers.

What it gives is what comparing every vector would give, to the last digit of a score, but that one of the best may be
missing, as rarely as the accelerator was tuned to. Where few vectors may answer, all of those are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mmsearch.store.ann_index import AnnFile, Chosen
from mmsearch.store.faiss_files import Rows, SegmentFile
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.store.row_table import RowTable, Segment
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

NARROW = 16_384
"""So many vectors are compared one by one, which is exact, rather than looked up: they may lie in all lists."""
_EXACT_SHARE = 8
"""Where more than one in so many would be a candidate, comparing them all is as quick."""
_MOST_TIES = 4096
_FEW_MISSING = 20
"""Up to one in so many may be of files that are missing without being left out beforehand."""
_DEEPER = 4
_FILTERED = 4
"""So much further a search looks among what a filter leaves: that may lie far from the query, scattered over more lists
than the nearest of all do."""
_SPARE = 8
"""Candidates more than are wanted: one that is gone is no reason to look again."""

Hits = list[tuple[int, float]]
"""Item ids and cosines, best first."""


class AnnSearch:
    """One accelerator over one snapshot. `open_file` opens a vector file; those that it covers are `segments`."""

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
        self._chosen: tuple[Filter, Chosen | None] | None = None

    def search(self, queries: Vectors, k: int, where: Filter) -> list[Hits | None]:
        """For each query, float32 `(n, dim)`, the `k` nearest, equal ones by id; None where all have to be compared."""
        found: list[Hits | None] = [None] * len(queries)
        if self._few(where):
            return found
        chosen = self._choose(where)
        if chosen is not None and chosen.count <= NARROW:
            return found
        asking, effort = list(range(len(queries))), self._file.row.effort(k)
        # Of what is gone there is some among the candidates.
        count = math.ceil(k * effort.refine * self._file.row.count / max(1, self._live)) + _SPARE
        probes = effort.probes * (1 if chosen is None else _FILTERED)
        while asking and count * _EXACT_SHARE <= (self._file.row.count if chosen is None else chosen.count):
            candidates = self._candidates(queries[asking], count, probes, chosen)
            for query, hits in zip(asking, self._score(queries[asking], candidates), strict=True):
                if len(hits) >= k and (hits[k - 1][1] > hits[-1][1] or len(hits) >= k + _MOST_TIES):
                    found[query] = hits[:k]
            asking = [query for query in asking if found[query] is None]
            count, probes = count * _DEEPER, probes * _DEEPER
        return found

    def _candidates(self, queries: Vectors, count: int, probes: int, chosen: Chosen | None) -> list[Rows]:
        if chosen is None:
            places = self._file.search(queries, count, probes)
        else:
            places = self._file.search_among(queries, count, probes, chosen)
        return [row[row >= 0] for row in places]

    def _choose(self, where: Filter) -> Chosen | None:
        """What may answer; None for all, or all but so few that they are better left out afterwards."""
        if self._chosen is None or self._chosen[0] != where:
            self._chosen = where, self._chosen_by(where)
        return self._chosen[1]

    def _chosen_by(self, where: Filter) -> Chosen | None:
        if where == EVERYTHING and self._rows.missing * _FEW_MISSING <= self._file.row.count:
            return None
        return self._file.choose(self._rows.answering(self._file.contents, where))

    def _few(self, where: Filter) -> bool:
        """Whether it is known without a look at all contents that few vectors may answer."""
        if not self._rows.few(where):
            return False
        masks = (self._rows.alive(segment, where) for segment in self._segments.values())
        return sum(int(np.count_nonzero(mask)) for mask in masks if mask is not None) <= NARROW

    def _score(self, queries: Vectors, places: Sequence[Rows]) -> list[Hits]:
        """The live ones among some places for each query, scored from the vectors themselves."""
        if self._rows.missing:
            places = [some[self._rows.answering(self._file.contents[some], EVERYTHING)] for some in places]
        items = [self._file.items[some] for some in places]
        return [self._hits(query[None], some) for query, some in zip(queries, items, strict=True)]

    def _hits(self, query: Vectors, items: Rows) -> Hits:
        hits: Hits = []
        for number, pairs in self._rows.places(items.tolist()).items():
            if number in self._segments:
                ids, rows = zip(*pairs, strict=True)
                scores = self._open(self._segments[number]).products(query, np.array(rows, np.int64))[0]
                hits += zip(ids, map(float, scores), strict=True)
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))
