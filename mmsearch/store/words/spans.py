"""Where a text holds the words of a query, as positions in the text as it was written, and snippets of those places."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mmsearch.store.words import fold, languages, tokens
from mmsearch.store.words.fold import lazily
from mmsearch.store.words.query import Term, Tokens, WordQuery
from mmsearch.store.words.tokens import Piece

SNIPPET = 160
_LOOKED_AT = 1 << 16
"""Characters: longer passages are not made here, but an index may come from elsewhere."""
# A character with all that normalisation may join it with: marks, invisible characters, jamo, and the sound marks of
# half-width kana.
_CLUSTER = lazily(
    "(?s:.)[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u08d3-\u08ff"
    "\u1160-\u11ff\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff"
    "\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]*"
)


class Match(NamedTuple):
    """A word or phrase of a query in a text: the range of its characters, and the number of the term."""

    start: int
    end: int
    term: int


class _Entry(NamedTuple):
    """A token of a text in any language, and the range of its characters in the `spaced` text."""

    tokens: frozenset[str]
    start: int
    end: int


def find(text: str, terms: Sequence[Term]) -> list[Match]:
    """All places of the terms, in order; they may overlap."""
    sequences: dict[str, list[tuple[Tokens, int]]] = defaultdict(list)
    for number, term in enumerate(terms):
        for sequence in term.alternatives:
            sequences[sequence[0]].append((sequence, number))
    if not sequences:
        return []
    spaced, ranges = aligned(text)
    reader = _Reader(frozenset(token.lstrip(languages.SIGNS)[:1] for token in sequences))
    entries, joined = reader.entries(spaced)
    matches: list[Match] = []
    for index, entry in enumerate([*entries, *joined]):
        for token in (*entry.tokens, *({f"{token[:1]}*" for token in entry.tokens})):
            for sequence, number in sequences.get(token, ()):
                end = _end(sequence, entries, index) if index < len(entries) else entry.end * (len(sequence) == 1)
                if end:
                    matches.append(Match(entry.start, end, number))
    matches.sort()
    if ranges is None:
        return matches
    return [Match(ranges[match.start][0], ranges[match.end - 1][1], match.term) for match in matches]


def _end(sequence: Tokens, entries: Sequence[_Entry], index: int) -> int:
    """Where a sequence that begins with an entry ends; 0 if others follow the entry."""
    following = entries[index : index + len(sequence)]
    if len(following) < len(sequence):
        return 0
    for token, entry in zip(sequence, following, strict=True):
        if token.endswith("*"):
            if any(other.startswith(token[:-1]) for other in entry.tokens):
                return entry.start + len(token) - 1
            return 0
        if token not in entry.tokens:
            return 0
    return following[-1].end


def aligned(text: str) -> tuple[str, list[tuple[int, int]] | None]:
    """The `spaced` text, and the ranges of the text that its characters stand for; None if they are the same."""
    if text.isascii():
        return fold.spaced(text.replace("\n", " ")), None
    parts: list[str] = []
    ranges: list[tuple[int, int]] = []
    spaced_by_cluster: dict[str, str] = {}
    for match in _CLUSTER.finditer(text):
        cluster = match[0]
        spaced = spaced_by_cluster.get(cluster)
        if spaced is None:
            spaced = spaced_by_cluster[cluster] = fold.spaced(cluster)
        parts.append(spaced)
        ranges += [match.span()] * len(spaced)
    return fold.spaced("".join(parts)), ranges


class _Reader:
    """Reads the tokens of a text, of those words alone that begin as a token of the query does."""

    def __init__(self, initials: frozenset[str]) -> None:
        self._initials = initials
        self._known: dict[str, frozenset[str]] = {}

    def entries(self, spaced: str) -> tuple[list[_Entry], list[_Entry]]:
        """The tokens in order, and the joined forms of words that are cut."""
        entries: list[_Entry] = []
        joined: list[_Entry] = []
        for match in re.finditer(r"\S+", spaced):
            for group in tokens.cut(match[0]):
                for piece in group:
                    entries += self._of_piece(piece, match.start())
                if len(group) > 1:
                    start, end = match.start() + group[0].start, match.start() + group[-1].end
                    joined.append(_Entry(self._tokens("".join(piece.text for piece in group)), start, end))
        return entries, joined

    def _of_piece(self, piece: Piece, offset: int) -> Iterator[_Entry]:
        start, end = offset + piece.start, offset + piece.end
        if piece.kind == "unspaced":
            run = fold.lower(piece.text)
            for index in range(len(run)):
                yield _Entry(frozenset([run[index : index + 2]]), start + index, start + len(run[: index + 2]))
        elif piece.kind == "number":
            yield _Entry(frozenset([tokens.number(piece.text), *tokens.number_parts(piece.text)]), start, end)
        elif piece.kind == "code":
            yield _Entry(frozenset([fold.lower(piece.text), fold.lower(piece.text[0])]), start, end)
        else:
            yield _Entry(self._tokens(piece.text), start, end)

    def _tokens(self, text: str) -> frozenset[str]:
        known = self._known.get(text)
        if known is None:
            word = fold.lower(text)[: tokens.LONGEST]
            # Endings change and beginnings do not, in Latin letters.
            may_match = not "a" <= word[:1] <= "z" or word[0] in self._initials
            known = self._known[text] = frozenset(languages.alternatives(word) if may_match else ())
        return known


# --- snippets ---


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
    for start, end, _ in find(text, (*query.terms, *query.phrases)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _best_start(line: str, query: WordQuery, width: int) -> int:
    """Where a window of `width` characters with the most different words begins, a little before the first of them."""
    matches = find(line, (*query.phrases, *query.terms))
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
