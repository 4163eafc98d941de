"""One query's way from its vector and its words to candidates in order.

By vectors, candidates of all partitions are ranked by relevance. By words, the passages that hold them and the names
that do are ranked, and reciprocal rank fusion joins both. In a hybrid, words decide within each partition, and
relevance between them: that a note holds the words of a query does not make it better than the photo that shows them,
so the best note by both takes the place that the best note had by vectors. Nearly the same hits are folded into one
afterwards. Knows no reranker and no output.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import nlargest
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch.search import words
from mmsearch.search.calibration import Background, LogOddsCalibration
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import StalenessCache
from mmsearch.store import AnyReader, Filter, Located
from mmsearch.store.words.query import parse_query
from mmsearch.types import Hit, Modality, Query, StageScore, Vectors

ALIKE = 0.98
"""Cosine of two parts of one kind above which the second tells nothing new: copies at another size or quality."""

Scale: TypeAlias = Background | LogOddsCalibration
Key: TypeAlias = "tuple[str, int]"
"""A hit's path, and its ordinal where each part of a file is a hit of its own, else -1."""
Neighbours: TypeAlias = "list[tuple[int, float]]"
"""Item ids and cosines, best first."""
Scored: TypeAlias = "dict[Key, tuple[Candidate, float]]"
"""Candidates with their score by words."""
FIRST_DEPTH = 64
"""Candidates taken from each partition at first; more until the answer is full or the partition is exhausted."""


@dataclass(slots=True)
class Candidate:
    """An item at a live file with its raw cosine, its relevance and its score of each stage of the ranking."""

    location: Located
    score: float
    relevance: float
    stale: bool = False
    stages: dict[str, StageScore] = field(default_factory=dict)

    def key(self, by_segment: bool) -> Key:
        """Only the best candidate of each key becomes a hit."""
        return self.location.item.path, self.location.item.ordinal if by_segment else -1

    @property
    def order(self) -> tuple[float, bytes, int]:
        """Sorts by relevance, the highest first, and then in a stable order."""
        item = self.location.item
        return -self.relevance, os.fsencode(item.path), item.ordinal


def best_by_key(candidates: Iterable[Candidate], by_segment: bool) -> dict[Key, Candidate]:
    """The first candidate of each key, in the order given."""
    best: dict[Key, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.key(by_segment), candidate)
    return best


class Ranking:
    """Candidates of one query.

    Args:
        reader: the index.
        query: its words, and the paths that are no answer.
        vector: float32 `(dim,)`.
        scales: from cosines to relevance, by partition.
        request: how to rank.
        where: files that may answer.
        staleness: of files on the disk.
        depth: most neighbours in each partition.
        neighbours: the first of them, by partition.
    """

    def __init__(
        self,
        reader: AnyReader,
        query: Query,
        vector: npt.NDArray[np.float32],
        scales: Mapping[Modality, Scale],
        request: SearchRequest,
        where: Filter,
        staleness: StalenessCache,
        depth: int,
        neighbours: Mapping[Modality, Neighbours],
    ) -> None:
        self.reader, self.query, self.vector, self.scales = reader, query, vector, scales
        self.request, self.where, self.staleness = request, where, staleness
        self.depth, self.neighbours = depth, neighbours
        by_words = request.mode != "dense" and query.is_text_only and reader.has_words
        self.mode = request.mode if by_words else "dense"
        self.words = parse_query(query.text)
        self.min_relevance = -math.inf if request.min_relevance is None else request.min_relevance

    def best(self, count: int) -> list[Candidate]:
        """At most `count` candidates whose files are still there, the best first."""
        while True:
            best = list(islice(filter(self._passes, self._ordered()), count))
            # Going deeper finds nothing where each partition has ended, or gone below the least relevance.
            exhausted = all(
                len(items) < self.depth or self.scales[name].relevance(items[-1][1]) < self.min_relevance
                for name, items in self.neighbours.items()
            )
            if len(best) == count or exhausted:
                return best
            self.depth *= 4
            self.neighbours = {
                name: self.reader.search(self.vector, name, self.depth, self.where) for name in self.neighbours
            }

    def hit(self, candidate: Candidate) -> Hit:
        """The candidate as a hit, not yet numbered."""
        item = candidate.location.item
        return Hit(
            item,
            0,
            candidate.score,
            candidate.relevance,
            stale=candidate.stale,
            snippet=words.snippet(item.text, self.words),
            stages=candidate.stages,
            id=candidate.location.item_id,
        )

    def _passes(self, candidate: Candidate) -> bool:
        """Whether it may be a hit; notes on it whether its file has changed."""
        if candidate.relevance < self.min_relevance or candidate.location.item.path in self.query.exclude_paths:
            return False
        stale = self.staleness.get(candidate.location)
        candidate.stale = bool(stale)
        return stale is not None

    def _ordered(self) -> Iterable[Candidate]:
        """The first of each key at the present depth, best first."""
        if self.mode == "lexical":
            return (candidate for _, candidate in self._fused([], self._by_passage, self._by_name))
        nearest = self._locate({item: score for items in self.neighbours.values() for item, score in items})
        heads = self._heads(nearest).values()
        for rank, candidate in enumerate(heads, 1):
            candidate.stages["dense"] = StageScore(rank, candidate.relevance)
        if self.mode == "dense":
            return heads
        fused = [pair for partition in self.neighbours for pair in self._fused_partition(partition, nearest)]
        fused.sort(key=lambda pair: (-pair[0], pair[1].order))
        return self._heads([candidate for _, candidate in fused]).values()

    def _heads(self, candidates: Iterable[Candidate]) -> dict[Key, Candidate]:
        return best_by_key(candidates, self.request.all_segments)

    def _locate(self, scores: Mapping[int, float]) -> list[Candidate]:
        locations_by_item = self.reader.locate(list(scores), self.where)
        candidates = [
            Candidate(location, scores[item], self.scales[location.item.partition].relevance(scores[item]))
            for item, locations in locations_by_item.items()
            for location in locations
        ]
        return sorted(candidates, key=lambda candidate: candidate.order)

    # --- by words ---

    @cached_property
    def _passages(self) -> dict[int, float]:
        matches = self.reader.search_passages(self.words, self.where)
        least = words.COVERED * matches.total
        scores = {item: match.score for item, match in matches.rows.items() if match.covered >= least}
        return dict(nlargest(max(FIRST_DEPTH, self.request.depth), scores.items(), key=lambda pair: pair[1]))

    @cached_property
    def _named(self) -> list[tuple[str, tuple[int, ...], float]]:
        return [
            (match.path, match.items, match.covered / match.total if match.total else 1.0)
            for match in self.reader.search_names(self.words, self.where)
            if match.exact or match.covered >= words.COVERED * match.total
        ]

    @cached_property
    def _word_candidates(self) -> list[Candidate]:
        """All candidates found by words, by relevance."""
        ids = set(self._passages).union(*(items for _, items, _ in self._named))
        return self._locate(self.reader.scores(self.vector, sorted(ids)))

    @cached_property
    def _by_passage(self) -> Scored:
        """The passage of each key that holds the words best, with its score."""
        scores = self._passages
        candidates = [candidate for candidate in self._word_candidates if candidate.location.item_id in scores]
        best = self._heads(sorted(candidates, key=lambda candidate: -scores[candidate.location.item_id]))
        return {key: (candidate, scores[candidate.location.item_id]) for key, candidate in best.items()}

    @cached_property
    def _by_name(self) -> Scored:
        """Each file that is named so by its nearest part, for a name does not say which one is meant."""
        shares = {path: share for path, _, share in self._named}
        candidates = [candidate for candidate in self._word_candidates if candidate.location.item.path in shares]
        best = best_by_key(candidates, by_segment=False)
        by_segment = self.request.all_segments
        return {candidate.key(by_segment): (candidate, shares[path]) for (path, _), candidate in best.items()}

    # --- by both ---

    def _fused_partition(self, partition: Modality, nearest: list[Candidate]) -> list[tuple[float, Candidate]]:
        """Candidates of a partition by vectors and words, each with the relevance of its place by vectors alone."""

        def of_partition(scored: Scored) -> Scored:
            return {key: pair for key, pair in scored.items() if pair[0].location.item.partition == partition}

        dense = [candidate for candidate in nearest if candidate.location.item.partition == partition]
        return self._fused(dense, of_partition(self._by_passage), of_partition(self._by_name))

    def _fused(
        self,
        dense: list[Candidate],
        by_passage: Scored,
        by_name: Scored,
    ) -> list[tuple[float, Candidate]]:
        chosen = self._heads(dense)
        relevances = {key: candidate.relevance for key, candidate in chosen.items()}
        rankings = {"dense": {key: rank for rank, key in enumerate(chosen, 1)}}
        stages = {key: dict(candidate.stages) for key, candidate in chosen.items()}
        for name, scored in (("names", by_name), ("passages", by_passage)):
            rankings[name] = words.ranks({key: score for key, (_, score) in scored.items()})
            for key, (candidate, score) in scored.items():
                relevances[key] = max(relevances.get(key, -math.inf), candidate.relevance)
                stages.setdefault(key, {})[name] = StageScore(rankings[name][key], score)
                # A passage with the words is a better location than the nearest part.
                if key not in chosen or (name == "passages" and candidate.relevance >= self.min_relevance):
                    chosen[key] = candidate
        sums = words.fuse(rankings.values())
        order = sorted(chosen, key=lambda key: (-sums[key], -relevances[key], chosen[key].order))
        for rank, key in enumerate(order, 1):
            chosen[key].stages = stages[key] | {"fused": StageScore(rank, sums[key])}
        return list(zip(sorted(relevances.values(), reverse=True), (chosen[key] for key in order), strict=True))


def fold_near_duplicates(
    hits: Sequence[Hit], vectors: Mapping[int, Vectors], candidates: Sequence[Candidate]
) -> list[Hit]:
    """The hits without those that are nearly the same as an earlier one, which lists their paths.

    Args:
        hits: best first.
        vectors: by id of the item, float32 `(dim,)`, unit length.
        candidates: from which the hits were made, in the same order.
    """
    unique: list[tuple[Hit, Vectors, list[str]]] = []
    for hit, candidate in zip(hits, candidates, strict=True):
        item, vector = hit.item, vectors[candidate.location.item_id]
        for first, first_vector, paths in unique:
            same_part = (first.item.digest, first.item.ordinal) == (item.digest, item.ordinal)
            if same_part or (first.item.partition == item.partition and float(vector @ first_vector) >= ALIKE):
                if item.path != first.item.path and item.path not in paths:
                    paths.append(item.path)
                break
        else:
            unique.append((hit, vector, []))
    return [replace(hit, duplicates=tuple(paths)) for hit, _, paths in unique]
