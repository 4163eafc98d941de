"""Snippets of passages, where they hold the words of a query, and the fusion of several rankings into one.

Knows nothing about indexes, vectors or files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from mmsearch.store.words import spans
from mmsearch.store.words.query import WordQuery

COVERED = 0.5
"""Share of the query's words, weighted by rarity, that a text has to hold."""
RRF_K = 60
"""The constant of reciprocal rank fusion as published (Cormack, Clarke and Büttcher, SIGIR 2009)."""
SNIPPET = 160
_LOOKED_AT = 1 << 16
"""Characters: longer passages are not made here, but an index may come from elsewhere."""

Key = TypeVar("Key", bound=Hashable)


def ranks(scores: Mapping[Key, float]) -> dict[Key, int]:
    """The rank of each key by its score, the highest first; equal scores share the best of their ranks."""
    ranked: dict[Key, int] = {}
    previous: tuple[float, int] | None = None
    for rank, (key, score) in enumerate(sorted(scores.items(), key=lambda pair: -pair[1]), 1):
        previous = previous if previous is not None and previous[0] == score else (score, rank)
        ranked[key] = previous[1]
    return ranked


def fuse(rankings: Iterable[Mapping[Key, int]]) -> dict[Key, float]:
    """Reciprocal rank fusion: the sum of `1 / (RRF_K + rank)` over the rankings that know a key."""
    fused: dict[Key, float] = {}
    for ranking in rankings:
        for key, rank in ranking.items():
            fused[key] = fused.get(key, 0.0) + 1.0 / (RRF_K + rank)
    return fused


def snippet(text: str, query: WordQuery, max_chars: int = SNIPPET) -> str:
    """The stretch of a passage that holds most of the words, on one line, with `…` where it is cut."""
    line = " ".join(text[:_LOOKED_AT].split())
    if len(line) <= max_chars:
        return line
    start = _best_start(line, query, max_chars - 2)
    begin = 0 if start == 0 else line.find(" ", max(0, start - 1), start + max_chars // 5) + 1 or start
    end = min(len(line), begin + max_chars - 2)
    if end < len(line) and (space := line.rfind(" ", begin, end)) > begin:
        end = space
    return ("…" if begin else "") + line[begin:end].strip() + ("…" if end < len(line) else "")


def matched_spans(text: str, query: WordQuery) -> list[tuple[int, int]]:
    """The ranges of characters that hold words of the query, in order and apart from each other.

    A word is marked as a whole where the text has another form of it, in any language.
    """
    merged: list[tuple[int, int]] = []
    for start, end, _ in spans.find(text, (*query.terms, *query.phrases)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _best_start(line: str, query: WordQuery, width: int) -> int:
    """Where a window of `width` characters with the most different words begins, a little before the first of them."""
    matches = spans.find(line, (*query.phrases, *query.terms))
    best, most_words, last = 0, 0, 0
    inside: Counter[int] = Counter()
    for match in matches:
        while last < len(matches) and matches[last].start < match.start + width:
            inside[matches[last].term] += 1
            last += 1
        if len(inside) > most_words:
            best, most_words = match.start, len(inside)
        inside[match.term] -= 1
        if not inside[match.term]:
            del inside[match.term]
    # Some context before the first word, unless the window would begin near the start anyway.
    lead = width // 5
    return 0 if best < lead else best - lead
