"""One query's way from its vector and its words to candidates in the order of their relevance.

Candidates are the nearest parts of each partition, the passages that hold the words, and the files that are named so.
Each is judged by all of its evidence, wherever it was found, and the lists of neighbours are read as deep as it takes
for no later part to come before the last hit: so the order of the first hits does not depend on how many are asked for.
Copies, or nearly the same hits, become one afterwards. Knows no reranker and no output.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from mmsearch.search import relevance
from mmsearch.search.calibration import Scale
from mmsearch.search.relevance import Evidence
from mmsearch.search.request import SearchRequest
from mmsearch.search.staleness import StalenessCache
from mmsearch.store import AnyReader, Filter, Located
from mmsearch.store.records import Part
from mmsearch.store.word_lookup import NameMatch
from mmsearch.store.word_search import WordMatch, WordMatches
from mmsearch.store.words.query import WordQuery
from mmsearch.store.words.spans import snippet
from mmsearch.types import Hit, Modality, Query, StageScore, Vectors

ALIKE = 0.98
"""Cosine of two parts of one kind above which the second tells nothing new: copies at another size or quality."""

Key: TypeAlias = "tuple[str, int]"
"""A hit's content or path, and its ordinal where each part of a file is a hit of its own, else -1."""
Neighbours: TypeAlias = "list[tuple[int, float]]"
"""Item ids and cosines, best first."""
MOST_PASSAGES = 1024
"""Passages that hold the words, the best by BM25, whose files are ranked; more where more hits are asked for."""
MOST_PARTS = 64
"""Parts of a file that is named so, of which the nearest is shown."""
FIRST_DEPTH = 64
"""Candidates taken from each partition at first; more until none that follows could come before the last hit."""
DEEPER = 4
ROUNDING = 1e-9
"""More than sums of evidence differ by if they are added in another order."""


class Group(NamedTuple):
    """Parts whose contents are of the same bytes, and the most that a file which holds some of them may be worth."""

    bound: float
    items: list[int]


@dataclass(slots=True)
class Candidate:
    """An item at a live file with its raw cosine and what speaks for it."""

    location: Located
    score: float
    evidence: Evidence
    stale: bool = False
    copies: list[str] = field(default_factory=list)
    ceiling: float = math.inf

    @property
    def relevance(self) -> float:
        """Of the file."""
        return min(self.ceiling, self.evidence.relevance)

    @property
    def order(self) -> tuple[float, float, bytes, int]:
        """Sorts by relevance, the highest first, and then in a stable order."""
        item = self.location.item
        return -self.relevance, -self.score, os.fsencode(item.path), item.ordinal


@dataclass(frozen=True, slots=True)
class Searched:
    """What the queries of one search have in common.

    Attributes:
        reader: the index.
        parts: how many there are in each partition.
        files, others: how many files they are of, and how many are of other kinds.
        request: how to rank.
        where: files that may answer.
        staleness: of files on the disk.
    """

    reader: AnyReader
    parts: Mapping[Modality, int]
    files: Mapping[Modality, int]
    others: Mapping[Modality, int]
    request: SearchRequest
    where: Filter
    staleness: StalenessCache


class Ranking:
    """Candidates of one query.

    Args:
        searched: where and how.
        query: its examples, and the paths that are no answer.
        words: of the query, as far as they count.
        vector: float32 `(dim,)`.
        scales: what cosines say, by partition; empty where vectors are not compared.
        depth: most neighbours in each partition.
        neighbours: the first of them, by partition.
    """

    def __init__(
        self,
        searched: Searched,
        query: Query,
        words: WordQuery,
        vector: Vectors,
        scales: Mapping[Modality, Scale],
        depth: int,
        neighbours: Mapping[Modality, Neighbours],
    ) -> None:
        self.reader, self.request, self.where = searched.reader, searched.request, searched.where
        self.staleness = searched.staleness
        self.query, self.words, self.vector, self.scales = query, words, vector, scales
        self.depth, self.neighbours = depth, neighbours
        self.parts, self.files, self.others = searched.parts, searched.files, searched.others
        self._parts: dict[int, Part] = {}
        self._exact_scores: dict[int, float] = {}

    def best(self, count: int, least: float = -math.inf) -> list[Candidate]:
        """At most `count` candidates of at least such a relevance whose files are still there, the best first."""
        best: list[Candidate] = []
        for candidate in self._present_in_order():
            if candidate.relevance < least or len(best) == count:
                break
            best.append(candidate)
        return best

    def hit(self, candidate: Candidate) -> Hit:
        """The candidate as a hit, not yet numbered."""
        item = candidate.location.item
        return Hit(
            item,
            0,
            candidate.score,
            candidate.relevance,
            stale=candidate.stale,
            snippet=snippet(item.text, self.words),
            stages=self._stages(candidate),
            duplicates=tuple(candidate.copies),
            id=candidate.location.item_id,
        )

    def _stages(self, candidate: Candidate) -> dict[str, StageScore]:
        """What vectors, the name and the words each say for it, and where that places it among the candidates."""
        if not self.request.explain:
            return {}
        scores = self._scores_by_stage(candidate)
        return {
            stage: StageScore(1 + bisect_left(self._level_scores[stage], -score), score)
            for stage, score in scores.items()
        }

    def _scores_by_stage(self, candidate: Candidate) -> dict[str, float]:
        evidence, item = candidate.evidence, candidate.location.item_id
        stages = {"dense": evidence.prior + evidence.vectors} if self.scales else {}
        if candidate.location.item.path in self._names:
            stages["names"] = evidence.name
        if item in self._passages:
            stages["passages"] = evidence.words
        return stages if not self.words.terms and self.scales else stages | {"fused": candidate.relevance}

    def _present_in_order(self) -> Iterator[Candidate]:
        """Every candidate whose file is there, the best first.

        Where the best of several copies is gone, the next may have less relevance, and waits until it is its turn.
        """
        waiting: list[Candidate] = []
        for copies in self._in_order():
            while waiting and waiting[0].order < copies[0].order:
                yield waiting.pop(0)
            candidate = self._present(copies)
            if candidate is copies[0]:
                yield candidate
            elif candidate:
                insort(waiting, candidate, key=lambda candidate: candidate.order)
        yield from waiting

    def _present(self, copies: list[Candidate]) -> Candidate | None:
        """The first of several copies whose file is there and may answer, with the paths of the others.

        Of equally good ones the first that has not changed since it was indexed.
        """
        present = []
        for candidate in copies:
            path, stale = candidate.location.item.path, self.staleness.get(candidate.location)
            if stale is not None and path not in self.query.exclude_paths:
                candidate.stale = stale
                present.append(candidate)
        if not present:
            return None
        first = min(present, key=lambda candidate: (-candidate.relevance, candidate.stale))
        first.copies = [copy.location.item.path for copy in present if copy is not first]
        return first

    # --- from items to files in order ---

    def _in_order(self) -> Iterator[list[Candidate]]:
        """Every file with its copies, the best first.

        Neighbours are read level by level. What a level may still be missing is worth at most `limit`, so files above
        that come first, and files of the next level are worth no more: the order is the same however many are taken.
        """
        done: set[Key] = set()
        ceiling = math.inf
        while True:
            limit = min(ceiling, self._limit())
            for key, copies in self._hits(limit):
                if key not in done and copies[0].relevance >= limit:
                    done.add(key)
                    for candidate in copies:
                        candidate.ceiling = ceiling
                    yield copies
            if limit == -math.inf:
                return
            ceiling = limit
            self.depth *= DEEPER
            self.neighbours = {
                name: self.reader.search(self.vector, name, self.depth, self.where) for name in self.neighbours
            }

    def _rank_stages(self, hits: Iterable[list[Candidate]]) -> None:
        """Order the scores of each stage, negated, for the ranks of hits."""
        self._level_scores: dict[str, list[float]] = {}
        for copies in hits:
            for stage, score in self._scores_by_stage(copies[0]).items():
                self._level_scores.setdefault(stage, []).append(-score)
        for scores in self._level_scores.values():
            scores.sort()

    def _limit(self) -> float:
        """About the highest relevance that a file beyond the neighbours can have; -inf if there is none.

        It may be somewhat higher for a file of fewer parts than most have.
        """
        return max(
            (
                self._evidence(name, self.parts[name] / max(self.files[name], 1), items[-1][1]).relevance
                for name, items in self.neighbours.items()
                if len(items) >= self.depth
            ),
            default=-math.inf,
        )

    def _hits(self, least: float) -> Iterator[tuple[Key, list[Candidate]]]:
        """Files of at least such a relevance, the best first: the best part of each, with the same part of its copies.

        Most candidates are worth too little to be among the hits, and are not located. Only ranks need all of them.
        """
        groups = self._groups()
        located: list[tuple[Key, list[Candidate]]] = []
        start, count = 0, FIRST_DEPTH
        if self.request.explain:
            least, count = -math.inf, len(groups)
        while start < len(groups) and groups[start].bound >= least:
            located += self._located(groups[start : start + count]).items()
            located.sort(key=lambda hit: hit[1][0].order)
            start, count = start + count, count * DEEPER
            if self.request.explain:
                self._rank_stages(copies for _, copies in located)
            bound = groups[start].bound if start < len(groups) else -math.inf
            certain = bisect_left(located, -bound, key=lambda hit: -hit[1][0].relevance)
            yield from located[:certain]
            del located[:certain]
        yield from located

    def _located(self, groups: Iterable[Group]) -> dict[Key, list[Candidate]]:
        """The hits among some groups, the copies of each in order."""
        parts: dict[Key, list[Candidate]] = {}
        for candidate in self._candidates([item for group in groups for item in group.items]):
            item = candidate.location.item
            parts.setdefault((item.path, item.ordinal if self.request.all_segments else -1), []).append(candidate)
        hits: dict[Key, list[Candidate]] = {}
        for (path, ordinal), candidates in parts.items():
            best = self._join(candidates)
            hits.setdefault((path if self.request.all_copies else best.location.item.digest, ordinal), []).append(best)
        for copies in hits.values():
            copies.sort(key=lambda candidate: candidate.order)
        return hits

    def _join(self, parts: list[Candidate]) -> Candidate:
        """The best part of a file; passages that hold the words speak for it together."""
        best = min(parts, key=lambda candidate: candidate.order)
        holding = [part for part in parts if part.location.item_id in self._passages]
        if len(holding) > 1:
            passage = min(holding, key=lambda candidate: candidate.order)
            together = _together([part.evidence for part in holding])
            passage.evidence = passage.evidence._replace(words=together - passage.evidence.vectors)
            best = min(best, passage, key=lambda candidate: candidate.order)
        return best

    def _candidates(self, items: Sequence[int]) -> Iterator[Candidate]:
        """Some parts at every file that holds them."""
        for item, locations in self.reader.locate(items, self.where).items():
            for location in locations:
                evidence = _named(self._found[item], self._names.get(location.item.path))
                yield Candidate(location, self._scores[item], evidence)

    def _groups(self) -> list[Group]:
        """All parts that have been found in any way, those of the same bytes together, by what they may be worth."""
        self._scores = {item: score for items in self.neighbours.values() for item, score in items}
        others = [item for item in self._by_words if item not in self._scores]
        if unknown := [item for item in others if item not in self._exact_scores]:
            by_vectors = bool(self.scales) or self.request.raw
            exact = self.reader.scores(self.vector, unknown) if by_vectors else dict.fromkeys(unknown, 0.0)
            self._exact_scores |= exact
        self._scores |= {item: self._exact_scores[item] for item in others if item in self._exact_scores}
        self._parts |= self.reader.parts([item for item in self._scores if item not in self._parts])
        by_digest: dict[str, list[int]] = {}
        for item in self._scores:
            if part := self._parts.get(item):
                by_digest.setdefault(part.digest, []).append(item)
        self._found = {item: self._evidence_of(item) for items in by_digest.values() for item in items}
        names: dict[str, list[NameMatch]] = {}
        for match in self._names.values():
            if match.items and (part := self._parts.get(match.items[0])):
                names.setdefault(part.digest, []).append(match)
        groups = [Group(self._bound(items, names.get(digest, ())), items) for digest, items in by_digest.items()]
        return sorted(groups, key=lambda group: -group.bound)

    def _bound(self, items: Sequence[int], names: Sequence[NameMatch]) -> float:
        """The most that a file with these parts may be worth if it has one of these names."""
        found = [self._found[item] for item in items]
        if len(items) > 1 and len(holding := [self._found[item] for item in items if item in self._passages]) > 1:
            together = _together(holding)
            found += [evidence._replace(words=together - evidence.vectors) for evidence in holding]
        best = max(found, key=attrgetter("relevance")) if len(found) > 1 else found[0]
        if names:
            exact = best.exact or any(name.exact for name in names)
            best = best._replace(name=max(map(relevance.of_name, names)), exact=exact)
        return best.relevance + ROUNDING

    def _evidence_of(self, item: int) -> Evidence:
        """What speaks for a part, whatever the name of its file."""
        part = self._parts[item]
        evidence = self._evidence(part.partition, part.parts, self._scores[item])
        if match := self._passages.get(item):
            words = relevance.of_words(match, self._word_matches.total)
            evidence = Evidence(evidence.prior, relevance.DAMPED * evidence.vectors, words)
        is_example = part.digest in self.query.digests and not self.request.raw
        return evidence._replace(exact=True) if is_example else evidence

    def _evidence(self, partition: Modality, parts: float, score: float) -> Evidence:
        """What speaks for a part that holds no word, of a file of so many parts."""
        scale = self.scales.get(partition)
        if self.request.raw:
            return Evidence(0.0, score)
        # Panels of a contact sheet were cut apart to be found as pictures of their own are.
        chances = 1.0 if partition == "image" else parts
        prior = relevance.log_prior(self.files[partition], self.others[partition], chances)
        without = relevance.WITHOUT_WORDS if self._passages and partition == "text" else 0.0
        return Evidence(prior, scale.evidence(score) if scale else 0.0, -without)

    # --- by words ---

    @cached_property
    def _word_matches(self) -> WordMatches:
        return self.reader.search_passages(self.words, self.where)

    @cached_property
    def _passages(self) -> Mapping[int, WordMatch]:
        """The passages that hold the words best, by item."""
        if not self.words.terms:
            return {}
        rows = self._word_matches.rows
        most = max(MOST_PASSAGES, self.request.depth)
        if len(rows) > most:
            least = sorted(match.score for match in rows.values())[-most]
            best = [(-match.score, item) for item, match in rows.items() if match.score >= least]
            rows = {item: rows[item] for _, item in sorted(best)[:most]}
        return rows

    @cached_property
    def _names(self) -> dict[str, NameMatch]:
        """The files that are named so, by path."""
        if not self.words.terms:
            return {}
        return {match.path: match for match in self.reader.search_names(self.words, self.where)}

    @cached_property
    def _by_words(self) -> dict[int, None]:
        """All items found by words or names, or because they are the example itself."""
        items = dict.fromkeys(self._passages)
        for match in self._names.values():
            items |= dict.fromkeys(match.items[:MOST_PARTS])
        for digest in self.query.digests:
            for path in self.reader.catalog.copies(digest):
                items |= dict.fromkeys(item for item, _ in self.reader.items_at(path)[:MOST_PARTS])
        return items


def _named(evidence: Evidence, name: NameMatch | None) -> Evidence:
    """The evidence for a part of a file that is found by this name, if any."""
    if name is None:
        return evidence
    return evidence._replace(name=relevance.of_name(name), exact=evidence.exact or name.exact)


def _together(passages: Iterable[Evidence]) -> float:
    """What vectors and words of several passages of a file say together."""
    return relevance.log_sum(evidence.vectors + evidence.words for evidence in passages)


def fold_near_duplicates(
    hits: Sequence[Hit], vectors: Mapping[int, Vectors], candidates: Sequence[Candidate]
) -> list[Hit]:
    """The hits without those that are nearly the same as an earlier one, which lists their paths.

    Args:
        hits: best first.
        vectors: by id of the item, float32 `(dim,)`, unit length.
        candidates: from which the hits were made, in the same order.
    """
    unique: list[tuple[Hit, Vectors, dict[str, None]]] = []
    for hit, candidate in zip(hits, candidates, strict=True):
        item, vector = hit.item, vectors[candidate.location.item_id]
        paths = dict.fromkeys((item.path, *hit.duplicates))
        for first, first_vector, others in unique:
            same_part = (first.item.digest, first.item.ordinal) == (item.digest, item.ordinal)
            if same_part or (first.item.partition == item.partition and float(vector @ first_vector) >= ALIKE):
                others.update(paths)
                break
        else:
            unique.append((hit, vector, paths))
    return [replace(hit, duplicates=tuple(path for path in paths if path != hit.item.path)) for hit, _, paths in unique]
