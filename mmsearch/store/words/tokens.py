"""Cuts the words of a `spaced` text into pieces, with their positions, and writes the lines of tokens that are indexed.

A word is cut at apostrophes, hyphens and underscores, where letter case or digits show a seam, and where a script
without blanks meets another. The pieces that a reader takes for one word form a group, whose joined form is indexed
too: `e-mail`, `email` and `e mail` are found by each other.

A line of a passage or of a name has the words in their order, for phrases, and after a mark the joined forms of the
words that were cut. It follows from its text alone, so that it can be computed again to delete it; `VERSION` changes
with any change of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from mmsearch.store.words import fold, languages
from mmsearch.store.words.fold import lazily

VERSION = 1
END = "#"
"""Parts the words of a line from joined forms, so that no phrase reaches from one into the other."""
_MOST_CACHED = 1 << 16
_SIMPLE = lazily("[A-Z]?[a-z]+(?:['_-][a-z]+)*")
_CONNECTORS = lazily("['_-]")
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


# --- pieces of words ---


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


# --- lines of tokens ---


class _Lines(dict[str, str]):
    """The tokens of each word of `spaced` texts in one language, computed when it is first seen.

    Attributes:
        joined: the joined forms of those words that have some.
    """

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self.joined: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_CACHED:
            self.clear()
            self.joined.clear()
        tokens: list[str] = []
        joined: list[str] = []
        simple = word.strip("'-_")
        if _SIMPLE.fullmatch(simple):  # as most are; much quicker, and the same
            self._add_simple(simple.lower(), tokens, joined)
        else:
            for group in cut(word):
                self._add(group, tokens, joined)
        if joined:
            self.joined[word] = " ".join(joined)
        line = self[word] = " ".join(tokens)
        return line

    def _add_simple(self, word: str, tokens: list[str], joined: list[str]) -> None:
        parts = _CONNECTORS.split(word)
        tokens += [languages.indexed(part[:LONGEST], self.language) for part in parts]
        if 1 < len(parts) <= MOST_JOINED:
            joined.append(languages.indexed("".join(parts)[:LONGEST], self.language))

    def _add(self, group: list[Piece], tokens: list[str], joined: list[str]) -> None:
        parts = [part for piece in group for part in self._tokens(piece)]
        whole = fold.lower("".join(piece.text for piece in group))[:LONGEST]
        if any(piece.joint == fold.BROKEN for piece in group):  # one word, though each half may be one as well
            tokens.append(languages.indexed(whole, self.language))
            joined += parts
            return
        tokens += parts
        if is_joined(group):
            joined.append(languages.indexed(whole, self.language))
        for piece in group:
            if piece.kind == "number":
                joined += number_parts(piece.text)
            elif piece.kind == "code":
                joined.append(fold.lower(piece.text[0]))

    def _tokens(self, piece: Piece) -> list[str]:
        if piece.kind == "unspaced":
            run = fold.lower(piece.text)
            return [*bigrams(run), run[-1]]
        if piece.kind == "number":
            return [number(piece.text)]
        word = fold.lower(piece.text)[:LONGEST]
        return [word if piece.kind == "code" else languages.indexed(word, self.language)]


_lines: dict[str, _Lines] = {}


def line(text: str) -> str:
    """The tokens of a passage."""
    words = fold.spaced(text).split()
    language = languages.detect(words, text)
    lines = _lines.get(language) or _lines.setdefault(language, _Lines(language))
    tokens = " ".join([lines[word] for word in words])
    joined = lines.joined
    forms = [joined[word] for word in words if word in joined] if joined else []
    if language == languages.LATIN[0] and not _INITIALS.isdisjoint(words):
        forms += _with_initials(words)
    return f"{tokens} {END} {' '.join(forms)}" if forms else tokens


_INITIALS = frozenset("bcdefghjklmnopqrstuvwxyzBCDEFGHJKLMNOPQRSTUVWXYZ")


def _with_initials(words: list[str]) -> list[str]:
    """Single letters with the word behind each: who looks for `email` means `e mail` too."""
    pairs = [
        first + second
        for first, second in pairwise(words)
        if first in _INITIALS and len(second) > 1 and second.isalpha()
    ]
    return [languages.indexed(fold.lower(pair), languages.LATIN[0]) for pair in pairs]


def name_key(text: str) -> str:
    """The token of a whole name: all its letters and digits as one word, behind a sign that no word begins with."""
    return "+" + "".join(fold.fold(text).translate(_WITHOUT_SIGNS).split())


_WITHOUT_SIGNS = dict.fromkeys(map(ord, fold.CONNECTORS))


def name_line(path: str) -> str:
    """The tokens of a stored path: its words, and the keys of its last part with and without the suffix."""
    name = path.rpartition("/")[2]
    stem = own_name(path)
    return f"{line(path)} {END} {name_key(name)} {name_key(stem)}"


def own_name(path: str) -> str:
    """The last part of a path with `/` between its parts, without the suffix."""
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and stem and len(suffix) <= 5 and suffix.isalnum() else name
