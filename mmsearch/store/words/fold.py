"""One spelling for what people write in several: letter case, widths, optional marks and invisible characters.

`spaced` keeps letter case and word boundaries, for names such as `getUserName` are cut by them; `fold` keeps neither.
Knows no language.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, cast


class _LazyPattern:
    """Stands for a compiled pattern: one of a large alphabet takes milliseconds to compile."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(re.compile(self._text), attribute)
        setattr(self, attribute, value)  # the next look finds it without this detour
        return value


def lazily(text: str) -> re.Pattern[str]:
    """The pattern of a regular expression, compiled at its first use."""
    return cast("re.Pattern[str]", _LazyPattern(text))


BROKEN = "\x02"
"""Joins the halves of a word that a line break divides."""
CONNECTORS = "'-_.,+#" + BROKEN
"""Signs that `spaced` keeps: inside a word each has a meaning of its own."""

# Soft hyphens, zero-width spaces and joiners, directions of writing, variants of glyphs.
_IGNORED = lazily(
    "[\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]+"
)
# In Persian the zero-width non-joiner stands where others write a blank or nothing, as elsewhere a hyphen does.
_PERSIAN_JOIN = lazily("(?<=[\u0620-\u06ff])\u200c+(?=[\u0620-\u06ff])")
_LINE_BREAK = lazily("[-\u00ad\u2010\x02](?<=[^\\W\\d_].)\x02?[ \\t]*\\r?\\n[ \\t]*(?=[^\\W\\d_])")
_POINT = lazily("[.,](?:(?![0-9])|(?<![0-9].))")
"""A point or a comma that belongs to no number."""
_SIGNS = {
    **dict.fromkeys("'’‘‛ʼʻʹ′`´·‧\u05f3\u05f4", "'"),
    **dict.fromkeys("-‐‑⁃−", "-"),
}
# Letters that no decomposition takes apart, and letters that keyboards of neighbours exchange.
_LETTERS = dict(zip("łŁøØđĐħĦŧŦıȷƏəکیىے", "lLoOdDhHtTijEeكييي", strict=True))
_SEVERAL = str.maketrans({"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ĳ": "ij"})
"""After case folding, for they would look like a seam between lower and upper case."""
_OPTIONAL = lazily(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08ca-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
"""Marks that writers leave out. Vowel signs of Devanagari or Thai are none of these."""
_LATIN_GREEK_ARABIC = lazily("[A-Za-z\u0180-\u02af\u0370-\u03ff\u0620-\u06ff\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff]")
"""Letters that are the same with a mark or without."""
_FIXED = {
    **{sign: sign for sign in CONNECTORS},
    **_SIGNS,
    **_LETTERS,
    **dict(zip("ёЁѐЀѝЍ", "еЕеЕиИ", strict=True)),
}


class _Characters(dict[int, "str | None"]):
    """What becomes of each character, computed when it is first seen."""

    def __missing__(self, code: int) -> str | None:
        value = self[code] = _character(chr(code))
        return value


def _character(character: str) -> str | None:
    """The characters that stand for one; None if it only decorates, a blank if it separates words."""
    if character in _FIXED:
        return _FIXED[character]
    if character.isascii():
        return character if character.isalnum() else " "
    kind = unicodedata.category(character)
    if character == "\u0640" or _IGNORED.match(character) or _OPTIONAL.match(character):
        return None
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if kind[0] == "L":
        base = unicodedata.normalize("NFD", character)[0]
        return _LETTERS.get(base, base) if _LATIN_GREEK_ARABIC.match(base) else character
    return character if kind[0] in "MN" else " "


CHARACTERS = _Characters()
"""What `spaced` makes of characters, for `str.translate`."""


def spaced(text: str) -> str:
    """The text with words as runs of letters, marks, digits and `CONNECTORS`, and blanks between them.

    Letter case stays. The result for a result is itself.
    """
    if "\n" in text:
        text = _LINE_BREAK.sub(BROKEN, text)
    if not text.isascii():
        text = _IGNORED.sub("", _PERSIAN_JOIN.sub("-", text))
        text = unicodedata.normalize("NFKC", text)
    return _POINT.sub(" ", text.translate(CHARACTERS))


def lower(word: str) -> str:
    """A word of a `spaced` text without letter case."""
    if word.isascii():
        return word.lower()
    folded = word.casefold().translate(_SEVERAL)
    return folded if folded.isascii() else hiragana(folded.translate(CHARACTERS))


def fold(text: str) -> str:
    """The text in the one spelling that is compared; the result for a result is itself."""
    return lower(spaced(text))


_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def hiragana(text: str) -> str:
    """Katakana as hiragana: the same words are written in either."""
    return text.translate(_KATAKANA)
