"""Queries as they are typed: words, "phrases" that must occur, and -words that must not.

A word of a query stands for every spelling and stem by which a text may hold it, as alternatives. Knows nothing about
tables, weights and results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from mmsearch.store.words import fold, languages, tokens
from mmsearch.store.words.fold import lazily
from mmsearch.store.words.tokens import Piece
from mmsearch.system.plain_data import dataclass

MOST_TERMS = 64
"""Words of a query that are looked up; a longer text is searched by its first ones."""
MOST_CHARS = 1 << 14
"""Characters of a query that are read for its words."""
MOST_CONDITIONS = 32
_SHORT = 2
"""Letters of a piece that is no word of its own, as in `e-mail`."""
_SHORT_PREFIX = 3
"""Letters of a word that may be one with the next, as in `e mail`."""

Tokens = tuple[str, ...]
"""Tokens that follow each other; the last may end in `*`, for any token that begins so."""


@dataclass(frozen=True)
class Term:
    """A word of a query.

    Attributes:
        text: as folded.
        alternatives: a text that has any of these has the word.
    """

    text: str
    alternatives: tuple[Tokens, ...]

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The alternatives in the syntax of FTS5."""
        return tuple(expression(sequence) for sequence in self.alternatives)

    @property
    def match(self) -> str:
        """All alternatives as one FTS5 expression."""
        return " OR ".join(self.expressions)


@dataclass(frozen=True)
class WordQuery:
    """The words of a query.

    Attributes:
        terms: words that carry weight, each once, those of phrases included; at most `MOST_TERMS`.
        phrases: each must occur in a file.
        excluded: words and phrases of which a file must have none.
        plain: the text without operators and without what is excluded.
    """

    terms: tuple[Term, ...] = ()
    phrases: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    plain: str = ""

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """A letter or two with which each spelling of each term begins, whatever its stem."""
        return frozenset(
            sequence[0].lstrip("#+.")[:2].rstrip("*") for term in self.terms for sequence in term.alternatives
        )

    @property
    def has_conditions(self) -> bool:
        """True if not every file may answer."""
        return bool(self.phrases or self.excluded)

    @property
    def only_excludes(self) -> bool:
        """True if the query says only what it does not want."""
        return bool(self.excluded) and not self.plain


_QUOTED = (
    r'"(?P<{0}>[^"\n]*)"|[“„](?P<{0}2>[^“”„\n]*)[”“]|«(?P<{0}3>[^«»\n]*)»|»(?P<{0}4>[^«»\n]*)«|「(?P<{0}5>[^「」]*)」'
)
_SIGNS = frozenset('-－"“”„«»「')
_OPERATOR = lazily(
    rf"(?<![^\s(])[-－](?:{_QUOTED.format('not_phrase')}|(?P<not_word>[^\W_][^\s()\"“”„«»]*))"
    rf"|(?<![^\W_])(?:{_QUOTED.format('phrase')})(?![^\W_])"
)


@lru_cache(maxsize=16)
def parse_query(text: str) -> WordQuery:
    """Read a query; any text is one."""
    text, rest = text[:MOST_CHARS], text[MOST_CHARS:]
    phrases: list[str] = []
    excluded: list[str] = []

    def take(match: re.Match[str]) -> str:
        group = match.lastgroup or ""
        content = match[group]
        if group.startswith("not"):
            excluded.append(content)
            return " "
        phrases.append(content)
        return f" {content} "

    plain = _OPERATOR.sub(take, text) if not _SIGNS.isdisjoint(text) else text
    if not phrases and not excluded:
        plain = text
    return WordQuery(
        tuple(_weighted_terms(plain, phrases)),
        tuple(filter(None, map(_phrase, phrases[:MOST_CONDITIONS]))),
        tuple(filter(None, map(_phrase, excluded[:MOST_CONDITIONS]))),
        " ".join(plain.split()) + rest if phrases or excluded else plain + rest,
    )


def expression(sequence: Tokens) -> str:
    """Tokens that follow each other in the syntax of FTS5, so that none is an operator."""
    *first, last = sequence
    prefix = "*" if last.endswith("*") else ""
    quoted = " ".join([*first, last[:-1] if prefix else last]).replace('"', '""')
    return f'"{quoted}"{prefix}'


# --- words ---


def _weighted_terms(text: str, phrases: Sequence[str]) -> Iterable[Term]:
    """The distinct terms of a text without stop words, except in phrases, and unless there are no others."""
    alternatives: dict[str, tuple[Tokens, ...]] = {}
    for term in _terms(text):
        alternatives[term.text] = alternatives.get(term.text, ()) + term.alternatives
    terms = [Term(word, tuple(dict.fromkeys(found))) for word, found in alternatives.items()]
    required = {term.text for phrase in phrases for term in _terms(phrase)}
    meaningful = languages.without_stop_words(term.text for term in terms)
    weighted = [term for term in terms if term.text in meaningful or term.text in required]
    return (weighted or terms)[:MOST_TERMS]


def _terms(text: str) -> list[Term]:
    """The terms of a text in order; no more words are read than may count."""
    terms: list[Term] = []
    previous: list[Piece] = []
    for word in fold.spaced(text).split():
        for group in tokens.cut(word):
            terms += _terms_of(group)
            _join_neighbours(terms, previous, group)
            previous = group
        if len(terms) > 4 * MOST_TERMS:
            break
    return terms


def _terms_of(group: list[Piece]) -> list[Term]:
    """The terms of pieces that a reader may take for one word."""
    words = [fold.lower(piece.text)[: tokens.LONGEST] for piece in group]
    if any(piece.kind in ("unspaced", "number", "code") for piece in group):
        return [term for piece in group for term in _terms_of_piece(piece)]
    whole = "".join(words)[: tokens.LONGEST]
    if len(group) == 1:
        return [Term(whole, _single(whole))]
    joints = {piece.joint for piece in group[1:]}
    short = min(map(len, words)) <= _SHORT
    if len(group) > tokens.MOST_JOINED:
        return [Term(whole, (*_sequences(words), (whole,)))] if joints == {""} else [Term(w, _single(w)) for w in words]
    if joints <= {"'", fold.BROKEN} or short or joints == {""} == {p.joint for p in group[1:] if not p.text.isalpha()}:
        elided = _single(words[1]) if len(words) == 2 and words[0] in languages.ELISIONS and joints == {"'"} else ()
        return [Term(whole, (*_single(whole), *_sequences(words), *elided))]
    return [Term(word, (*_single(word), *_single(whole))) for word in words]


def _join_neighbours(terms: list[Term], previous: list[Piece], group: list[Piece]) -> None:
    """Let two words be found as one if the first is very short: `e mail` as `email`."""
    if len(previous) != 1 or len(group) != 1 or len(terms) < 2:
        return
    if previous[0].kind != "word" or group[0].kind != "word" or len(previous[0].text) > _SHORT_PREFIX:
        return
    joined = _single(terms[-2].text + terms[-1].text)
    terms[-2:] = [Term(term.text, term.alternatives + joined) for term in terms[-2:]]


def _single(word: str) -> tuple[Tokens, ...]:
    return tuple((token,) for token in languages.alternatives(word))


def _sequences(words: Sequence[str]) -> tuple[Tokens, ...]:
    """Words that follow each other, in each language."""
    return tuple(dict.fromkeys(zip(*map(_in_each_language, words), strict=True)))


def _in_each_language(word: str) -> list[str]:
    options = languages.alternatives(word)
    return options if len(options) > 1 else options * len(languages.LATIN)


# --- numbers and scripts without blanks ---


def _terms_of_piece(piece: Piece) -> list[Term]:
    word = fold.lower(piece.text)[: tokens.LONGEST]
    if piece.kind == "number":
        spellings = dict.fromkeys([tokens.number(piece.text), *tokens.number_parts(piece.text)[:1]])
        whole = [spelling for spelling in spellings if len(spelling) > 3 or "." in spelling]
        return [Term(whole[0], tuple((spelling,) for spelling in whole))]
    if piece.kind == "code":
        return [Term(word, ((word,),))]
    return _terms_of_run(piece.text) if piece.kind == "unspaced" else [Term(word, _single(word))]


_SCRIPT = lazily(
    "(?P<han>[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)|(?P<hiragana>[\u3041-\u309f]+)"
    "|(?P<katakana>[\u30a0-\u30ff]+)|(?P<hangul>[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+)|(?P<other>(?s:.))"
)
_PARTICLES = lazily("[的了是在和与及吗呢吧]")
_WINDOW = 4
"""Characters of Thai and the like that are found together, where nothing shows the words."""
_LONGEST_RUN = 8


def _terms_of_run(run: str) -> list[Term]:
    """The terms of a run without blanks: stretches in one script, without the endings that Japanese writes in kana."""
    stretches: list[tuple[str, str]] = []
    for match in _SCRIPT.finditer(run):
        kind = match.lastgroup or ""
        if kind == "other" and stretches and stretches[-1][0] == kind:
            stretches[-1] = (kind, stretches[-1][1] + match[0])
        else:
            stretches.append((kind, match[0]))
    others = any(kind in ("han", "katakana") for kind, _ in stretches)
    return [
        term
        for kind, text in stretches
        if not (others and kind == "hiragana" and len(text) <= _SHORT)
        for term in _terms_of_stretch(kind, fold.lower(text))
    ]


def _terms_of_stretch(kind: str, text: str) -> list[Term]:
    if kind == "han" and len(text) > 3:
        parts = [part for part in _PARTICLES.split(text) if len(part) > 1] or [text]
        return [Term(pair, ((pair,),)) for part in parts for pair in tokens.bigrams(part)]
    if kind == "hangul" and len(text) > 2:  # a particle may follow the word
        shorter = [text[:length] for length in range(len(text), max(1, len(text) - 3), -1)]
        return [Term(text, tuple(map(_run_tokens, shorter)))]
    if kind == "other" and len(text) > _LONGEST_RUN:
        starts = range(0, len(text) - _WINDOW + 1, _WINDOW - 1)
        return [Term(text[start : start + _WINDOW], (_run_tokens(text[start : start + _WINDOW]),)) for start in starts]
    return [Term(text, (_run_tokens(text),))]


def _run_tokens(run: str) -> Tokens:
    """The tokens of a stretch anywhere in a run."""
    return tuple(tokens.bigrams(run)) or (f"{run}*",)


# --- phrases ---


def _phrase(text: str) -> Term | None:
    """Words that follow each other, in each language; None if there are none."""
    sequences: list[list[str]] = [[] for _ in languages.LATIN]
    groups = [group for word in fold.spaced(text).split() for group in tokens.cut(word)]
    flat = [piece for group in groups for piece in group][:MOST_TERMS]
    for index, piece in enumerate(flat):
        found = _phrase_tokens(piece, index == len(flat) - 1)
        sequences = [[*sequence, *more] for sequence, more in zip(sequences, found, strict=True)]
    if not flat:
        return None
    alternatives = dict.fromkeys(map(tuple, sequences))
    if len(groups) == 1:  # one word, in any of its spellings
        terms = _terms_of(groups[0])
        if len(terms) == 1:
            alternatives |= dict.fromkeys(terms[0].alternatives)
        elif tokens.is_joined(groups[0]):
            alternatives |= dict.fromkeys(_single(fold.lower("".join(piece.text for piece in groups[0]))))
    return Term(" ".join(fold.lower(piece.text) for piece in flat), tuple(alternatives))


def _phrase_tokens(piece: Piece, last: bool) -> Sequence[Sequence[str]]:
    """The tokens of a piece in each language, as a text has them between others."""
    word = fold.lower(piece.text)[: tokens.LONGEST]
    count = len(languages.LATIN)
    if piece.kind == "unspaced":
        return [[*tokens.bigrams(word), *([] if last else [word[-1]])] or [f"{word}*"]] * count
    if piece.kind == "number":
        return [[tokens.number(piece.text)]] * count
    return [[token] for token in _in_each_language(word)] if piece.kind == "word" else [[word]] * count
