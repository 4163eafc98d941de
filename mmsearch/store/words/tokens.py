"""The lines that are indexed: the tokens of a passage or of a name, with blanks between them.

First come the words in their order, for phrases, and after a mark the joined forms of the words that were cut. A line
follows from its text alone, so that it can be computed again to delete it; `VERSION` changes with any change of that.
"""

from __future__ import annotations

from itertools import pairwise

from mmsearch.store.words import fold, languages, pieces
from mmsearch.store.words.patterns import lazily
from mmsearch.store.words.pieces import Piece

VERSION = 1
END = "#"
"""Parts the words of a line from joined forms, so that no phrase reaches from one into the other."""
_MOST_CACHED = 1 << 16
_SIMPLE = lazily("[A-Z]?[a-z]+(?:['_-][a-z]+)*")
_CONNECTORS = lazily("['_-]")


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
            for group in pieces.cut(word):
                self._add(group, tokens, joined)
        if joined:
            self.joined[word] = " ".join(joined)
        line = self[word] = " ".join(tokens)
        return line

    def _add_simple(self, word: str, tokens: list[str], joined: list[str]) -> None:
        parts = _CONNECTORS.split(word)
        tokens += [languages.indexed(part[: pieces.LONGEST], self.language) for part in parts]
        if 1 < len(parts) <= pieces.MOST_JOINED:
            joined.append(languages.indexed("".join(parts)[: pieces.LONGEST], self.language))

    def _add(self, group: list[Piece], tokens: list[str], joined: list[str]) -> None:
        parts = [part for piece in group for part in self._tokens(piece)]
        whole = fold.lower("".join(piece.text for piece in group))[: pieces.LONGEST]
        if any(piece.joint == fold.BROKEN for piece in group):  # one word, though each half may be one as well
            tokens.append(languages.indexed(whole, self.language))
            joined += parts
            return
        tokens += parts
        if pieces.is_joined(group):
            joined.append(languages.indexed(whole, self.language))
        for piece in group:
            if piece.kind == "number":
                joined += pieces.number_parts(piece.text)
            elif piece.kind == "code":
                joined.append(fold.lower(piece.text[0]))

    def _tokens(self, piece: Piece) -> list[str]:
        if piece.kind == "unspaced":
            run = fold.lower(piece.text)
            return [*pieces.bigrams(run), run[-1]]
        if piece.kind == "number":
            return [pieces.number(piece.text)]
        word = fold.lower(piece.text)[: pieces.LONGEST]
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
