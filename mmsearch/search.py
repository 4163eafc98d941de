"""The query pipeline: embed the query, take candidates from every partition, make them comparable, rerank, rank.

Knows the reader's, the embedder's and the reranker's interface; nothing of argv, output formats or FAISS.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch import media, scan
from mmsearch.calibrate import Background, Odds, backgrounds
from mmsearch.core import Embedder, Hit, Item, LoaderSettings, Modality, Query, Reranker, Segment, Vectors
from mmsearch.errors import MediaError, MmsearchError, UsageError
from mmsearch.store import Filter, Located, Reader

log = logging.getLogger(__name__)

FIRST_DEPTH = 64
"""Candidates taken from each partition at first; doubled until the answer is full or the partition is exhausted."""
RERANK_BATCH = 16

Scale: TypeAlias = Background | Odds
Mode: TypeAlias = Literal["dense", "lexical", "hybrid"]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What of the index answers, how it is ranked and how much of it comes back.

    Attributes:
        top: most hits.
        where: files that may answer.
        mode: by vectors, by words, or by both.
        calibrated: rank by relevance; False ranks by the raw cosine, which is then the relevance too.
        min_relevance: hits below it are left out.
        rerank_depth: candidates that a reranker reads.
        rerank_budget: seconds after which it reads no more; None lets it read all.
        all_segments: a file may answer with several of its parts.
        fold: of hits that are nearly the same only the first.
    """

    top: int = 10
    where: Filter = field(default_factory=Filter)
    rerank_depth: int = 20
    mode: Mode = "dense"
    calibrated: bool = True
    min_relevance: float | None = None
    rerank_budget: float | None = None
    all_segments: bool = False
    fold: bool = False


RAW = Background(0.0, 1.0)
"""The scale on which the relevance is the cosine itself."""


class Scored(NamedTuple):
    """An item of some live file with its raw cosine and its relevance."""

    relevance: float
    score: float
    place: Located


class Searcher:
    """Answers queries over one open reader; the samples for calibration are read once."""

    def __init__(self, reader: Reader, embedder: Embedder, reranker: Reranker | None = None) -> None:
        self.reader = reader
        self.embedder = embedder
        self.reranker = reranker
        self.counts: dict[Modality, int] = {p: n for p, n in reader.counts().items() if n}

    @cached_property
    def _samples(self) -> dict[Modality, Vectors]:
        """Vectors of each partition that a query is measured against, where the model does not say what scores mean."""
        return {partition: self.reader.sample(partition) for partition in self.counts}

    def search(self, query: Query, options: SearchOptions = SearchOptions()) -> list[Hit]:
        """Hits in order of rank: one a file, each with its best segment. Files that are gone are left out."""
        _refuse_unfinished(options)
        vector = self.embedder.embed_query(query)
        in_words = all(isinstance(part.content, str) for part in query.parts)
        scales = self._scales(vector, in_words, options.calibrated)
        wanted = max(options.top, options.rerank_depth) if self.reranker else options.top
        best = self._best(vector, options.where, wanted, scales)
        least = -math.inf if options.min_relevance is None else options.min_relevance
        best = [(scored, stale) for scored, stale in best if scored.relevance >= least]
        hits = [_hit(scored, stale) for scored, stale in best]
        if self.reranker and query.text:
            kinds = {scored.place.item: scored.place.kind for scored, _ in best}
            # The reranker is another model and has its own processor: what suits the embedder's may be too little.
            settings = replace(self.embedder.spec.loader, image_fit=None)
            candidates = Candidates(hits[: options.rerank_depth], kinds, settings)
            hits = rerank(self.reranker, query, candidates) + hits[options.rerank_depth :]
        elif self.reranker:
            log.warning("not reranked: the reranker reads text, and the query has none")
        return [replace(hit, rank=rank) for rank, hit in enumerate(hits[: options.top], 1)]

    def _scales(self, vector: npt.NDArray[np.float32], in_words: bool, calibrated: bool) -> dict[Modality, Scale]:
        """What a score means in each partition: as the model says for words, else as the index's vectors do."""
        if not calibrated:
            return dict.fromkeys(self.counts, RAW)
        odds = self.embedder.spec.odds if in_words else {}
        if all(partition in odds for partition in self.counts):
            return {partition: Odds(*odds[partition]) for partition in self.counts}
        return dict(backgrounds(vector, self._samples))

    def _best(
        self, vector: npt.NDArray[np.float32], where: Filter, wanted: int, scales: dict[Modality, Scale]
    ) -> list[tuple[Scored, bool]]:
        """The best segment of each of at most `wanted` files that are still there, with whether it is stale."""
        depth = max(FIRST_DEPTH, wanted)
        known: dict[str, bool | None] = {}
        while True:
            found = self._candidates(vector, where, depth, scales)
            best: list[tuple[Scored, bool]] = []
            for candidate in _by_file(found):
                path = candidate.place.item.path
                if path not in known:
                    known[path] = staleness(candidate.place)
                stale = known[path]
                if stale is not None:
                    best.append((candidate, stale))
                if len(best) == wanted:
                    return best
            if depth >= max(self.counts.values(), default=0):
                return best
            depth *= 4

    def _candidates(
        self, vector: npt.NDArray[np.float32], where: Filter, depth: int, scales: dict[Modality, Scale]
    ) -> list[Scored]:
        """The `depth` best items of each partition at every file that holds them, best first."""
        scores: dict[int, tuple[float, float]] = {}
        for partition in self.counts:
            for item_id, score in self.reader.search(vector, partition, depth, where):
                scores[item_id] = (scales[partition].relevance(score), score)
        places = self.reader.locate(list(scores), where)
        found = [Scored(*scores[item_id], place) for item_id, at in places.items() for place in at]
        return sorted(found, key=lambda one: (-one.relevance, os.fsencode(one.place.item.path), one.place.item.ordinal))


def _refuse_unfinished(options: SearchOptions) -> None:
    plain = SearchOptions()
    for name in ("mode", "rerank_budget", "all_segments", "fold"):
        if (value := getattr(options, name)) != getattr(plain, name):
            raise UsageError(f"{name.replace('_', '-')} {value} is not possible yet")


def _by_file(candidates: Sequence[Scored]) -> list[Scored]:
    """The first candidate of each file."""
    best: dict[str, Scored] = {}
    for candidate in candidates:
        best.setdefault(candidate.place.item.path, candidate)
    return list(best.values())


def _hit(scored: Scored, stale: bool) -> Hit:
    return Hit(scored.place.item, 0, scored.score, scored.relevance, stale=stale)


def staleness(place: Located) -> bool | None:
    """None when the file is gone, True when it is no longer what was indexed, False when it is.

    Only a file whose time alone changed is read again, to see whether its content did.
    """
    try:
        found = os.stat(place.item.path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return True
    if found.st_size != place.size:
        return True
    if found.st_mtime_ns == place.mtime_ns:
        return False
    try:
        return scan.digest(place.item.path) != place.item.digest
    except MediaError:
        return True


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a reranker reads: hits, what kind of file each is in, and how such files are loaded."""

    hits: list[Hit]
    kinds: Mapping[Item, str]
    settings: LoaderSettings


def rerank(reranker: Reranker, query: Query, candidates: Candidates) -> list[Hit]:
    """Order the candidates by the reranker's score; those it cannot read keep their places among the others.

    Contents are loaded again from the original files; a file that changed or cannot be read keeps its place too.
    """
    hits = list(candidates.hits)
    readable = [(at, segment) for at, hit in enumerate(hits) if (segment := _reload(reranker, hit, candidates))]
    if not readable:
        return hits
    try:
        scores = _scores(reranker, query, [segment for _, segment in readable])
    except MmsearchError as error:
        log.warning("not reranked: %s", error)
        return hits
    scored = [replace(hits[at], rerank_score=float(score)) for (at, _), score in zip(readable, scores, strict=True)]
    scored.sort(key=lambda hit: -(hit.rerank_score or 0.0))
    for (at, _), hit in zip(readable, scored, strict=True):
        hits[at] = hit
    return hits


def _scores(reranker: Reranker, query: Query, segments: list[Segment]) -> list[float]:
    batches = [segments[start : start + RERANK_BATCH] for start in range(0, len(segments), RERANK_BATCH)]
    return [float(score) for batch in batches for score in reranker.score(query, batch)]


def _reload(reranker: Reranker, hit: Hit, candidates: Candidates) -> Segment | None:
    if hit.item.partition not in reranker.modalities or hit.stale:
        return None
    try:
        return media.reload(hit.item, candidates.kinds[hit.item], candidates.settings)
    except MediaError as error:
        log.warning("not reranked: %s: %s", hit.item.path, error)
        return None
