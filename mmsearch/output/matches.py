"""Which characters of a snippet to highlight: its words that a query has, or forms of them with another ending.

Knows nothing of terminals or of how files are found.
"""

from __future__ import annotations

import re

ENDING = 3
"""Letters in which two forms of a word may differ at the end."""
SHORTEST = 3
"""Letters that two different forms have in common at the beginning, at least."""

_WORD = re.compile(r"[^\W_]+")


def matched_spans(text: str, query: str) -> list[tuple[int, int]]:
    """Start and end of each word of `text` that the query has, in order and apart from each other."""
    terms = {word.casefold() for word in _WORD.findall(query)}
    found = ((match.span(), match[0].casefold()) for match in _WORD.finditer(text))
    return [span for span, word in found if any(_is_form(word, term) for term in terms)]


def _is_form(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    if shorter == longer:
        return True
    return len(shorter) >= SHORTEST and longer.startswith(shorter) and len(longer) - len(shorter) <= ENDING
