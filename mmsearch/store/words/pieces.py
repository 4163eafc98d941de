"""Cuts the words of a `spaced` text into the pieces that are indexed, with their positions.

A word is cut at apostrophes, hyphens and underscores, where letter case or digits show a seam, and where a script
without blanks meets another. The pieces that a reader takes for one word form a group, whose joined form is indexed
too: `e-mail`, `email` and `e mail` are found by each other. Knows no language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mmsearch.store.words import fold
from mmsearch.store.words.patterns import lazily

MOST_JOINED = 6
"""Pieces of a group that is also found as one word; more are no word."""
LONGEST = 64
"""Characters of a word that are compared."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Thai, Lao, Myanmar, Khmer, kana, Han; and Hangul, whose words carry their particles."""
_PIECE = lazily(
    r"(?P<number>\d+(?:[.,]\d+)+)|(?P<digits>\d+)|(?P<code>(?<![^\W_])[A-Za-z](?:\+\+|#)(?![^\W_]))"
    rf"|(?P<unspaced>[{UNSPACED}]+)|(?P<word>[^\W\d_{UNSPACED}](?:[^\d'\-_.,+#\x02{UNSPACED}])*)|(?P<rest>[^'\-_.,+#\x02])",
)
_ASCII_PIECE = lazily(
    r"(?P<number>[0-9]+(?:[.,][0-9]+)+)|(?P<digits>[0-9]+)"
    r"|(?P<code>(?<![A-Za-z0-9])[A-Za-z](?:\+\+|#)(?![A-Za-z0-9]))|(?P<word>[A-Za-z]+)"
)
"""What `_PIECE` finds in ASCII."""
_CASE = lazily(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GROUPING = lazily(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


class Piece(NamedTuple):
    """A part of a word.

    Attributes:
        kind: `word`, `digits`, `number`, `code` (C++ and the like) or `unspaced`.
        text: as written, in a `spaced` text.
        start: its position in the word.
        joint: what connects it with the piece before: a sign, nothing, or a blank for the first of a group.
    """

    kind: str
    text: str
    start: int
    joint: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def cut(word: str) -> list[list[Piece]]:
    """The pieces of a word of a `spaced` text, by groups, in order."""
    groups: list[list[Piece]] = []
    end = -1
    for piece in _pieces(word):
        joint = word[end : piece.start] if end >= 0 else " "
        if joint in ("", "'", "-", "_", fold.BROKEN):
            groups[-1].append(piece._replace(joint=joint))
        else:
            groups.append([piece])
        end = piece.end
    return groups


def _pieces(word: str) -> Iterator[Piece]:
    for match in (_ASCII_PIECE if word.isascii() else _PIECE).finditer(word):
        kind, text, start = match.lastgroup or "", match[0], match.start()
        if kind == "number" and text.count(",") > 1 and not _GROUPING.fullmatch(text):
            yield from (Piece("digits", part[0], start + part.start(), " ") for part in re.finditer(r"\d+", text))
        elif kind == "word" and not text.islower():
            position = start
            for part in _CASE.split(text):
                yield Piece("word", part, position, " ")
                position += len(part)
        else:
            yield Piece("word" if kind == "rest" else kind, text, start, " ")


def number(text: str) -> str:
    """A number in one spelling: `1,000` as `1000`, and `3,14` as `3.14`."""
    return text.replace(",", "") if _GROUPING.fullmatch(text) else text.replace(",", ".")


def number_parts(text: str) -> list[str]:
    """The other spellings by which a number of several parts is found: of `1.000` also `1000`, of a date the year."""
    parts = text.replace(",", ".").split(".")
    grouped = [text.replace(".", "")] if all(len(part) == 3 for part in parts[1:]) and "," not in text else []
    return grouped + parts


def bigrams(run: str) -> list[str]:
    """The pairs of neighbours of a folded run, by which any stretch of it is found."""
    return [run[index : index + 2] for index in range(len(run) - 1)]


def is_joined(group: list[Piece]) -> bool:
    """True if a group of several pieces is also found as one word."""
    return 1 < len(group) <= MOST_JOINED and all(piece.kind in ("word", "digits") for piece in group)
