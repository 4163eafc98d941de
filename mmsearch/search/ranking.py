"""One query's way from its vector and its words to candidates in order.

By vectors, candidates of all partitions are ranked by relevance. By words, the passages that hold them and the names
that do are ranked, and reciprocal rank fusion joins both. In a hybrid, words decide within each partition, and
relevance between them: that a note holds the words of a query does not make it better than the photo that shows them,
so the best note by both takes the place that the best note had by vectors. Knows no reranker and no output.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch.search import words
from mmsearch.search.candidates import Candidate, Key, Scale, StalenessCache, best_by_key
from mmsearch.search.options import SearchOptions
from mmsearch.store import AnyReader
from mmsearch.types import Hit, Modality, Query, StageScore

Found: TypeAlias = "list[tuple[int, float]]"
"""Item ids and cosines, best first."""
FIRST_DEPTH = 64
"""Candidates taken from each partition at first; more until the answer is full or the partition is exhausted."""


class Ranking:
    """Candidates of one query.

    Args:
        reader: the index.
        query: for its words and what is no answer to it.
        vector: float32 `(dim,)`.
        scales: what cosines with it mean, by partition.
        options: what is asked for.
        fresh: what is known of files on the disk.
        nearest: by partition what the reader found first: at least `FIRST_DEPTH` and as many as are asked for.
    """

    def __init__(
        self,
        reader: AnyReader,
        query: Query,
        vector: npt.NDArray[np.float32],
        scales: Mapping[Modality, Scale],
        options: SearchOptions,
        fresh: StalenessCache,
        depth: int,
        found: Mapping[Modality, Found],
    ) -> None:
        self.reader, self.query, self.vector, self.scales = reader, query, vector, scales
        self.options, self.fresh, self.depth, self.found = options, fresh, depth, found
        by_words = options.mode != "dense" and query.is_text_only and reader.has_words
        self.mode = options.mode if by_words else "dense"
        self.words = words.terms(query.text)
        self.least = -math.inf if options.min_relevance is None else options.min_relevance

    def best(self, wanted: int) -> list[Candidate]:
        """At most `wanted` candidates whose files are still there, the best first."""
        while True:
            best = list(islice(filter(self._passes, self._ordered()), wanted))
            if len(best) == wanted or self._exhausted():
                return best
            self._deepen()

    def hit(self, candidate: Candidate) -> Hit:
        """What the candidate tells the world, not yet ranked."""
        item = candidate.place.item
        told = words.snippet(item.text, self.words)
        return Hit(
            item,
            0,
            candidate.score,
            candidate.relevance,
            stale=candidate.stale,
            snippet=told,
            stages=candidate.stages,
            id=candidate.place.item_id,
        )

    def _passes(self, candidate: Candidate) -> bool:
        barred = candidate.relevance < self.least or candidate.place.item.path in self.query.exclude_paths
        return not barred and self.fresh.living(candidate)

    def _ordered(self) -> Iterable[Candidate]:
        """The first of each key at the present depth, best first."""
        if self.mode == "lexical":
            return (candidate for _, candidate in self._fused([], self._by_passage, self._by_name))
        nearest = self._located({item: score for found in self.found.values() for item, score in found})
        heads = self._heads(nearest).values()
        for rank, candidate in enumerate(heads, 1):
            candidate.stages["dense"] = StageScore(rank, candidate.relevance)
        if self.mode == "dense":
            return heads
        fused = [pair for partition in self.found for pair in self._fused_partition(partition, nearest)]
        fused.sort(key=lambda pair: (-pair[0], pair[1].order))
        return self._heads([candidate for _, candidate in fused]).values()

    def _heads(self, candidates: Iterable[Candidate]) -> dict[Key, Candidate]:
        return best_by_key(candidates, self.options.all_segments)

    # --- by vectors ---

    def _deepen(self) -> None:
        self.depth *= 4
        where = self.options.where
        self.found = {name: self.reader.search(self.vector, name, self.depth, where) for name in self.found}

    def _exhausted(self) -> bool:
        """Whether going deeper finds nothing that may be an answer."""
        return all(
            len(found) < self.depth or self.scales[name].relevance(found[-1][1]) < self.least
            for name, found in self.found.items()
        )

    def _located(self, scores: Mapping[int, float]) -> list[Candidate]:
        places = self.reader.locate(list(scores), self.options.where)
        found = [
            Candidate(place, scores[item], self.scales[place.item.partition].relevance(scores[item]))
            for item, at in places.items()
            for place in at
        ]
        return sorted(found, key=lambda candidate: candidate.order)

    # --- by words ---

    @cached_property
    def _passages(self) -> dict[int, float]:
        depth = max(FIRST_DEPTH, self.options.top)
        found = self.reader.search_passages(self.words, depth, self.options.where, words.COVERED)
        return dict(found)

    @cached_property
    def _named(self) -> list[tuple[str, list[int], float]]:
        depth = max(FIRST_DEPTH, self.options.top)
        return self.reader.search_names(self.words, depth, self.options.where, words.COVERED)

    @cached_property
    def _known(self) -> list[Candidate]:
        """Whatever words found, by relevance."""
        ids = set(self._passages).union(*(items for _, items, _ in self._named))
        return self._located(self.reader.scores(self.vector, sorted(ids)))

    @cached_property
    def _by_passage(self) -> dict[Key, tuple[Candidate, float]]:
        """The passage of each key that holds the words best, with its score."""
        scores = self._passages
        known = [one for one in self._known if one.place.item_id in scores]
        best = self._heads(sorted(known, key=lambda one: -scores[one.place.item_id]))
        return {key: (one, scores[one.place.item_id]) for key, one in best.items()}

    @cached_property
    def _by_name(self) -> dict[Key, tuple[Candidate, float]]:
        """Each file that is named so by its nearest part, for a name does not say which one is meant."""
        shares = {path: share for path, _, share in self._named}
        best = best_by_key((one for one in self._known if one.place.item.path in shares), by_segment=False)
        return {one.key(self.options.all_segments): (one, shares[path]) for (path, _), one in best.items()}

    # --- by both ---

    def _fused_partition(self, partition: Modality, nearest: list[Candidate]) -> list[tuple[float, Candidate]]:
        """Candidates of a partition by vectors and words, each with what its place was worth by vectors alone."""

        def own(found: dict[Key, tuple[Candidate, float]]) -> dict[Key, tuple[Candidate, float]]:
            return {key: pair for key, pair in found.items() if pair[0].place.item.partition == partition}

        dense = [one for one in nearest if one.place.item.partition == partition]
        return self._fused(dense, own(self._by_passage), own(self._by_name))

    def _fused(
        self,
        dense: list[Candidate],
        by_passage: dict[Key, tuple[Candidate, float]],
        by_name: dict[Key, tuple[Candidate, float]],
    ) -> list[tuple[float, Candidate]]:
        chosen = self._heads(dense)
        worth = {key: candidate.relevance for key, candidate in chosen.items()}
        rankings = {"dense": {key: rank for rank, key in enumerate(chosen, 1)}}
        stages = {key: dict(candidate.stages) for key, candidate in chosen.items()}
        for name, found in (("names", by_name), ("passages", by_passage)):
            rankings[name] = words.ranks({key: score for key, (_, score) in found.items()})
            for key, (candidate, score) in found.items():
                worth[key] = max(worth.get(key, -math.inf), candidate.relevance)
                stages.setdefault(key, {})[name] = StageScore(rankings[name][key], score)
                # A passage that holds the words says more about where to look than the part that is nearest.
                if key not in chosen or (name == "passages" and candidate.relevance >= self.least):
                    chosen[key] = candidate
        sums = words.fuse(rankings.values())
        order = sorted(chosen, key=lambda key: (-sums[key], -worth[key], chosen[key].order))
        for rank, key in enumerate(order, 1):
            chosen[key].stages = stages[key] | {"fused": StageScore(rank, sums[key])}
        return list(zip(sorted(worth.values(), reverse=True), (chosen[key] for key in order), strict=True))
