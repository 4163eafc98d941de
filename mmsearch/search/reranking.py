"""Reranking: reloads the contents of the best candidates, and lets a reranker's score into their relevance.

Reads the best first, as far as the time budget goes. Knows the reranker's interface and how to load content; nothing of
indexes or how the candidates were found.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from mmsearch.errors import MediaError, OutsideIndex, one_line
from mmsearch.scan.object_stores import Unreachable
from mmsearch.search.relevance import EXACT, MOST, probability
from mmsearch.search.staleness import original
from mmsearch.types import Hit, Item, LoaderSettings, Modality, Query, Reranker, Segment, StageScore

log = logging.getLogger(__name__)

RERANK_BATCH = 16
LARGEST = 50.0
LEAST_CHANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Candidates:
    """Hits that a reranker may read.

    Attributes:
        hits: in the order in which they were found.
        kinds: the kind of file of each item.
        settings: how such files are loaded.
        types: of the files; None for all that the reranker reads.
        budget: seconds after which nothing more is read; None for no limit.
        may_read: whether the file at a path may be opened, as a reader's does.
    """

    hits: list[Hit]
    kinds: Mapping[Item, str]
    settings: LoaderSettings
    types: frozenset[Modality] | None = None
    budget: float | None = None
    may_read: Callable[[str], bool] = field(kw_only=True)


def rerank(
    reranker: Reranker, query: Query, candidates: Candidates, clock: Callable[[], float] = time.monotonic
) -> list[Hit]:
    """The candidates in the order of their relevance with the reranker's score in it.

    Contents are loaded again from the original files. A file that is no longer what was indexed, or cannot be read,
    keeps its relevance; when the reranker fails all do, and the log says why.
    """
    hits = list(candidates.hits)
    try:
        scores = _scores(reranker, query, candidates, clock)
    except Exception as error:  # a model may raise anything, and there is an answer without it
        log.warning("not reranked: %s", one_line(error))
        return hits
    ranks = {index: rank for rank, index in enumerate(sorted(scores, key=lambda index: (-scores[index], index)), 1)}
    for index, relevance in _relevances(hits, scores, getattr(reranker, "weight", 1.0)).items():
        stages = {**hits[index].stages, "rerank": StageScore(ranks[index], scores[index])}
        hits[index] = replace(hits[index], relevance=relevance, rerank_score=scores[index], stages=stages)
    return sorted(hits, key=lambda hit: -hit.relevance)


def _relevances(hits: list[Hit], scores: Mapping[int, float], weight: float) -> dict[int, float]:
    """The relevance of the hits that were read, by index.

    A reranker tells which of them is right, and not how many are: differences between its scores, as log-odds, are
    added up to a constant by which as many hits are expected to be right as before. `weight` is what its log-odds count
    beside the evidence that there is already, and which partly says the same.
    """
    before = {index: hits[index].relevance for index in scores}
    ratios = {index: weight * ratio for index, ratio in _log_odds(scores).items() if before[index] < EXACT}
    expected = sum(probability(before[index]) for index in ratios)
    low, high = min(ratios.values(), default=0.0) - LARGEST, max(ratios.values(), default=0.0) + LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        now = sum(probability(before[index] + ratio - middle) for index, ratio in ratios.items())
        low, high = (middle, high) if now > expected else (low, middle)
    return before | {index: min(MOST, before[index] + ratio - low) for index, ratio in ratios.items()}


def _log_odds(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as log-odds; all between 0 and 1 are probabilities."""
    if not all(0.0 <= score <= 1.0 for score in scores.values()):
        return dict(scores)
    return {
        index: math.log(chance) - math.log1p(-chance)
        for index, score in scores.items()
        for chance in [min(max(score, LEAST_CHANCE), 1.0 - LEAST_CHANCE)]
    }


def _scores(reranker: Reranker, query: Query, candidates: Candidates, clock: Callable[[], float]) -> dict[int, float]:
    """Scores by index in the list of hits, best hits first, as far as the time goes."""
    began, budget = clock(), math.inf if candidates.budget is None else candidates.budget
    readable = [
        index
        for index, hit in enumerate(candidates.hits)
        if hit.item.partition in reranker.modalities
        and not hit.stale
        and (candidates.types is None or hit.item.modality in candidates.types)
    ]
    remaining, scores, read_count = iter(readable), dict[int, float](), 0
    # Nothing is known of the model's speed at first: a full batch might take many times the budget.
    size = RERANK_BATCH if candidates.budget is None else 1
    while size and (indexes := list(islice(remaining, size))):
        batch = [(index, _reload(candidates.hits[index], candidates)) for index in indexes]
        read_now = [index for index, segment in batch if segment is not None]
        segments = [segment for _, segment in batch if segment is not None]
        batch_scores = reranker.score(query, segments) if segments else ()
        if not all(math.isfinite(score) for score in batch_scores):
            raise ValueError(f"{reranker.name} gave a score that is no number")
        scores.update(zip(read_now, map(float, batch_scores), strict=True))
        read_count += len(batch)
        elapsed = clock() - began
        size = int(min(RERANK_BATCH, max(0.0, budget - elapsed) / max(elapsed / read_count, 1e-6)))
    if read_count < len(readable):
        log.warning("reranked the best %d of %d in %.1f seconds", len(scores), len(readable), clock() - began)
    return scores


def _reload(hit: Hit, candidates: Candidates) -> Segment | None:
    """The hit with its content; None where that cannot be had."""
    try:
        return original(hit.item, candidates.kinds[hit.item], candidates.settings, candidates.may_read)
    except (OutsideIndex, Unreachable) as error:  # the same for all such files, so it is logged once
        log.warning("not reranked: %s", error)
    except MediaError as error:
        log.warning("not reranked: %s: %s", hit.item.path, error)
    return None
