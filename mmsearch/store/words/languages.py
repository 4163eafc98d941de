"""The language of a text, and the stems of its words.

Detection counts stop words, which costs a lookup a word; a text that shows no other language is English. The stem of a
word of any other language in Latin letters begins with a sign of that language, so that the French `notes` does not
find the English `not`. Other scripts have one language each, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache

from mmsearch.store.words import fold, stop_words
from mmsearch.store.words.patterns import lazily

LATIN = (
    "english",
    *("german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian", "finnish"),
    *("hungarian", "romanian", "turkish"),
)
_SIGNS = {language: chr(0xE000 + number) if number else "" for number, language in enumerate(LATIN)}
"""Characters for private use, which no folded text has."""
SIGNS = "".join(_SIGNS.values())
_SCRIPTS = (("russian", "[\u0400-\u052f]+"), ("greek", "[\u0370-\u03ff\u1f00-\u1fff]+"), ("arabic", "[\u0620-\u06ff]+"))
_SCRIPT_STEMS = [(language, lazily(letters)) for language, letters in _SCRIPTS]
_LATIN_WORD = lazily("[a-z\u0180-\u02af\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff]+")
_LEAST_STEMMED = 3
"""Shorter words have no endings."""
_CLEARLY = 2
"""Stop words that make a text one of a language."""


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """The function from a folded word of a language to its stem."""
    import Stemmer  # late: nothing that runs without words needs it

    stem: Callable[[str], str] = Stemmer.Stemmer(language, 0).stemWord
    return stem


def library_version() -> str:
    """The versions of all that decides what a word becomes, beside this package."""
    import unicodedata

    import Stemmer

    return f"{Stemmer.version()} {unicodedata.unidata_version}"


@cache
def _stop_lists() -> dict[str, tuple[str, ...]]:
    """The languages in Latin letters by stop word."""
    languages: dict[str, list[str]] = {word: ["english"] for word in stop_words.ENGLISH}
    for language, words in stop_words.OTHERS.items():
        for word in dict.fromkeys(words.split()):
            languages.setdefault(word, []).append(language)
    return {word: tuple(names) for word, names in languages.items()}


@cache
def _stop_words_elsewhere() -> frozenset[str]:
    """Stop words in other scripts, where a word of one language is seldom a word of another."""
    return frozenset(fold.fold(word) for words in stop_words.NOT_LATIN.values() for word in words.split())


def detect(words: Collection[str], text: str) -> str:
    """The language of the words in Latin letters of a text.

    Args:
        words: of the text; those in another spelling than `fold.fold` gives only count for nothing.
        text: as written, for the letters that only one language has.
    """
    if len(stop_words.ENGLISH_ALONE.intersection(words)) >= _CLEARLY:
        return LATIN[0]
    languages = _stop_lists()
    counts = dict.fromkeys(LATIN, 0)
    for word in languages.keys() & words:
        for language in languages[word]:
            counts[language] += 1
    best = max(counts, key=counts.__getitem__)
    if counts[best] >= _CLEARLY:
        return best
    if not text.isascii():
        for letter, language in stop_words.LETTERS.items():
            if letter in text:
                return language
    return LATIN[0]


def indexed(word: str, language: str) -> str:
    """The token of a folded word in a text of a language in Latin letters."""
    if len(word) < _LEAST_STEMMED or word.isdigit():
        return word
    if _is_latin(word):
        return _SIGNS[language] + stemmer(language)(word)
    return _stem_of_script(word)


def alternatives(word: str) -> list[str]:
    """The tokens that a folded word may have in texts of any language, the English one first."""
    if len(word) >= _LEAST_STEMMED and _is_latin(word):
        return [sign + stemmer(language)(word) for language, sign in _SIGNS.items()]
    return [indexed(word, LATIN[0])]


def _is_latin(word: str) -> bool:
    return word.isalpha() if word.isascii() else _LATIN_WORD.fullmatch(word) is not None


def _stem_of_script(word: str) -> str:
    for language, letters in _SCRIPT_STEMS:
        if letters.fullmatch(word):
            return stemmer(language)(word) or word
    return word


def without_stop_words(words: Iterable[str]) -> set[str]:
    """Those of the folded words of a query that carry meaning.

    The stop words of another language in Latin letters count if there are several, for `die` and `war` are words of
    English too.
    """
    distinct = set(words)
    language = detect(distinct, "")
    lists = _stop_lists() if language != LATIN[0] else {}
    latin = {word for word in distinct if language in lists.get(word, ())}
    if not latin or len(latin) < _CLEARLY:
        latin = distinct & stop_words.ENGLISH
    elsewhere = set() if all(map(str.isascii, distinct)) else distinct & _stop_words_elsewhere()
    return distinct - latin - elsewhere
