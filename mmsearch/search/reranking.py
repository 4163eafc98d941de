"""Reading the best candidates again, more closely: reloads their contents and orders them by a reranker's score.

Knows the reranker's interface and how to load content; nothing of indexes or how the candidates were found.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mmsearch import media
from mmsearch.core import Hit, Item, LoaderSettings, Query, Reranker, Segment
from mmsearch.errors import MediaError, MmsearchError

log = logging.getLogger(__name__)

RERANK_BATCH = 16


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
