"""What a caller may ask of a search. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from mmsearch.store import Filter
from mmsearch.types import Modality

Mode: TypeAlias = Literal["dense", "lexical", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What of the index answers, how it is ranked and how much of it comes back.

    Attributes:
        top: most hits.
        where: files that may answer.
        mode: by vectors, by words, or by both where the query is in words alone.
        calibrated: rank by relevance; False ranks by the raw cosine, which is then the relevance too.
        min_relevance: hits below it are left out.
        rerank_depth: candidates that a reranker reads.
        rerank_budget: seconds after which it reads no more; None lets it read all.
        rerank_types: what files it reads; None for all that it can.
        all_segments: a file may answer with several of its parts.
        fold: of hits that are nearly the same only the first.
    """

    top: int = 10
    where: Filter = field(default_factory=Filter)
    rerank_depth: int = 20
    mode: Mode = "hybrid"
    calibrated: bool = True
    min_relevance: float | None = None
    rerank_budget: float | None = None
    rerank_types: frozenset[Modality] | None = None
    all_segments: bool = False
    fold: bool = False
