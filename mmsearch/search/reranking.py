"""Reading the best candidates again, more closely: reloads their contents and orders them by a reranker's score.

Best first and in time: what has been read when the budget ends is ordered, the rest keeps its order behind it. Knows
the reranker's interface and how to load content; nothing of indexes or how the candidates were found.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mmsearch.errors import MediaError, OutsideIndex
from mmsearch.scan.object_stores import Unreachable
from mmsearch.search.source_content import original
from mmsearch.types import Hit, Item, LoaderSettings, Modality, Query, Reranker, Segment, StageScore

log = logging.getLogger(__name__)

RERANK_BATCH = 16


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a reranker may read.

    Attributes:
        hits: in the order in which they were found.
        kinds: what kind of file each is in.
        settings: how such files are loaded.
        types: what the files must be; None for whatever the reranker reads.
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
    except Exception as error:  # whatever a model raises: there is an answer without it
        log.warning("not reranked: %s", " ".join(str(error).split()) or type(error).__name__)
        return hits
    order = sorted(scores, key=lambda place: (-scores[place], place))
    for rank, (place, read) in enumerate(zip(sorted(scores), order, strict=True), 1):
        stages = {**candidates.hits[read].stages, "rerank": StageScore(rank, scores[read])}
        hits[place] = replace(candidates.hits[read], rerank_score=scores[read], stages=stages)
    return hits


def _scores(reranker: Reranker, query: Query, candidates: Candidates, clock: Callable[[], float]) -> dict[int, float]:
    """Scores by place in the list, best places first, as far as the time goes."""
    began, budget = clock(), math.inf if candidates.budget is None else candidates.budget
    readable = [place for place, hit in enumerate(candidates.hits) if _may_read(reranker, hit, candidates.types)]
    left, scores, read = iter(readable), dict[int, float](), 0
    # Nothing is known of the model's speed at first: a full batch might take many times the budget.
    size = RERANK_BATCH if candidates.budget is None else 1
    while size and (batch := list(_reloaded(left, size, candidates))):
        places = [place for place, segment in batch if segment is not None]
        segments = [segment for _, segment in batch if segment is not None]
        found = reranker.score(query, segments) if segments else ()
        if not all(math.isfinite(score) for score in found):
            raise ValueError(f"{reranker.name} gave a score that is no number")
        scores.update(zip(places, map(float, found), strict=True))
        read += len(batch)
        spent = clock() - began
        size = int(min(RERANK_BATCH, max(0.0, budget - spent) / max(spent / read, 1e-6)))
    if read < len(readable):
        log.warning("reranked the best %d of %d in %.1f seconds", len(scores), len(readable), clock() - began)
    return scores


def _may_read(reranker: Reranker, hit: Hit, types: frozenset[Modality] | None) -> bool:
    return hit.item.partition in reranker.modalities and not hit.stale and (types is None or hit.item.modality in types)


def _reloaded(places: Iterator[int], size: int, candidates: Candidates) -> Iterator[tuple[int, Segment | None]]:
    """The next places with their contents, None for one that cannot be had."""
    for _ in range(size):
        place = next(places, None)
        if place is None:
            return
        yield place, _reload(candidates.hits[place], candidates)


def _reload(hit: Hit, candidates: Candidates) -> Segment | None:
    try:
        return original(hit.item, candidates.kinds[hit.item], candidates.settings, candidates.may_read)
    except OutsideIndex as error:  # of all such files alike, so it is told once
        log.warning("not reranked: %s", error)
        return None
    except MediaError as error:
        log.warning("not reranked: %s: %s", hit.item.path, error)
        return None
    except Unreachable as error:  # of all objects alike, so it is told once
        log.warning("not reranked: %s", error)
        return None
