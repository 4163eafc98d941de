"""Words of a query, snippets of passages that hold them, and the fusion of several rankings into one.

Knows nothing about indexes, vectors or files.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

COVERED = 0.5
"""Share of the query's words, weighted by rarity, that a text has to hold."""
RRF_K = 60
"""The constant of reciprocal rank fusion as published (Cormack, Clarke and Büttcher, SIGIR 2009)."""
MOST_TERMS = 64
SNIPPET = 160
_LOOKED_AT = 1 << 18
"""Characters: longer passages are not made here, but an index may come from elsewhere."""

_WORD = re.compile(r"[^\W_]+")

Key = TypeVar("Key", bound=Hashable)


def terms(text: str) -> tuple[str, ...]:
    """The distinct words of a query in their order, at most `MOST_TERMS`; none has any sign a search engine reads."""
    return tuple(dict.fromkeys(word.casefold() for word in _WORD.findall(text)))[:MOST_TERMS]


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


def snippet(text: str, words: Sequence[str], max_chars: int = SNIPPET) -> str:
    """The stretch of a passage that holds most of the words, on one line, with `…` where it is cut."""
    line = " ".join(text[:_LOOKED_AT].split())
    if len(line) <= max_chars:
        return line
    start = _best_start(line, words, max_chars - 2)
    begin = 0 if start == 0 else line.find(" ", max(0, start - 1)) + 1
    end = min(len(line), begin + max_chars - 2)
    if end < len(line) and (space := line.rfind(" ", begin, end)) > begin:
        end = space
    return ("…" if begin else "") + line[begin:end].strip() + ("…" if end < len(line) else "")


def _best_start(line: str, words: Sequence[str], width: int) -> int:
    """Where a window of `width` characters with the most different words begins, a little before the first of them."""
    initials: dict[str, list[str]] = {}
    for word in words:
        initials.setdefault(word[:1], []).append(word)
    matches = [(match.start(), word) for match in _WORD.finditer(line) if (word := _matching_word(match[0], initials))]
    best, most_words = 0, 0
    for index, (start, _) in enumerate(matches):
        inside = len({word for position, word in matches[index:] if position < start + width})
        if inside > most_words:
            best, most_words = start, inside
    # Some context before the first word, unless the window would begin near the start anyway.
    lead = width // 5
    return 0 if best < lead else best - lead


def _matching_word(token: str, initials: Mapping[str, Sequence[str]]) -> str:
    """The query's word that a token is a form of, judged by a common beginning; empty for none.

    `initials` are the words by their first letters: most tokens share that with none of them.
    """
    folded = token.casefold()
    for word in initials.get(folded[:1], ()):
        shorter, longer = sorted((folded, word), key=len)
        if shorter == longer or (longer.startswith(shorter) and len(longer) - len(shorter) <= 3 and len(shorter) > 2):
            return word
    return ""
