"""Reranking: reloads the contents of the best candidates and orders them by a reranker's score.

Reads the best first: candidates read within the time budget are ordered, the others keep their order behind them. Knows
the reranker's interface and how to load content; nothing of indexes or how the candidates were found.
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
from mmsearch.search.staleness import original
from mmsearch.types import Hit, Item, LoaderSettings, Modality, Query, Reranker, Segment, StageScore

log = logging.getLogger(__name__)

RERANK_BATCH = 16


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
    """Order the candidates by the reranker's score; those it has not read keep their places among the others.

    Contents are loaded again from the original files. A file that is no longer what was indexed, or cannot be read,
    keeps its place; when the reranker fails all do, and the log says why.
    """
    hits = list(candidates.hits)
    try:
        scores = _scores(reranker, query, candidates, clock)
    except Exception as error:  # a model may raise anything, and there is an answer without it
        log.warning("not reranked: %s", one_line(error))
        return hits
    order = sorted(scores, key=lambda index: (-scores[index], index))
    for rank, (index, best) in enumerate(zip(sorted(scores), order, strict=True), 1):
        stages = {**candidates.hits[best].stages, "rerank": StageScore(rank, scores[best])}
        hits[index] = replace(candidates.hits[best], rerank_score=scores[best], stages=stages)
    return hits


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
