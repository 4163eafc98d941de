"""Searches the tables of words of one index or of several as if they were one: which rows hold the terms of a query.

A term counts by its rarity: its inverse document frequency over all tables. Knows nothing about filters, files and
vectors.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import value_check
from mmsearch.store.database import batches, placeholders
from mmsearch.store.fulltext import Table
from mmsearch.store.words import tokens
from mmsearch.store.words.query import Term
from mmsearch.system.lazy_import import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

Ids: TypeAlias = "npt.NDArray[np.int64]"
Numbers: TypeAlias = "npt.NDArray[np.float64]"
Counts: TypeAlias = "list[dict[str, int]]"
"""By term, the alternatives that some row of a table holds, and the number of those rows."""

LEAST_COVERED = 0.4
"""Share of the weight of a query's terms that a row holds, or it is left out."""
MOST_COVERED = 24.0
"""Weight that is enough for any query, about that of five rare words: no passage holds two fifths of a pasted text."""
MOST_ROWS = 50_000
"""Rows of a word that are used; the others count only if a rarer word selects them."""
_K1, _B = 1.2, 0.75
"""FTS5's constants of BM25."""
_LEAST_IDF = 1e-6
"""FTS5's least weight of a word."""
_AT_ONCE = 32
_MANY = 8
_FEW = 256
"""Passages whose words are counted in their texts rather than for each of `_MANY` terms in the whole table."""
_EXACTLY = 1 - 1e-9
_DIGITS = 9
"""Of sums, so that rounding errors do not decide between rows that match alike."""
UNSEEN = 100
"""Rows without a word that are added to those of a table, for that it stands in one of three notes does not make it a
common word."""
_UNKNOWN = 1e-9
"""Stands for the share of a term that a row holds an unknown number of times."""


class WordMatch(NamedTuple):
    """How well a passage matches.

    Attributes:
        covered: the sum of the weights of the terms that it holds.
        score: BM25 with these weights; a word that occurs once in a passage of average length adds its weight.
    """

    covered: float
    score: float


@dataclass(frozen=True)
class WordMatches:
    """The passages that hold enough of the terms of a query.

    Attributes:
        total: the sum of the weights of all terms.
        weights: by term, its inverse document frequency over passages.
        rows: by id of the item.
    """

    total: float = 0.0
    weights: tuple[float, ...] = ()
    rows: Mapping[int, WordMatch] = field(default_factory=dict)


@dataclass(frozen=True)
class Weighted:
    """Terms with their weights over all tables, and which alternatives each table holds."""

    weights: tuple[float, ...]
    counts: Sequence[Counts]

    @property
    def total(self) -> float:
        return round(math.fsum(self.weights), _DIGITS)


def weigh(dbs: Sequence[sqlite3.Connection], table: Table, terms: Sequence[Term]) -> Weighted:
    """The weights of terms: ln(1 + (N - n + 0.5) / (n + 0.5)) for a term in `n` of `N` rows and `UNSEEN` without it."""
    counts = [[_present(db, table, term) for term in terms] for db in dbs]
    total = sum(_table_size(db, table).rows for db in dbs) + UNSEEN
    weights = []
    for number in range(len(terms)):
        rows = sum(_count_rows(db, table, of_db[number]) for db, of_db in zip(dbs, counts, strict=True))
        weights.append(math.log(1 + (max(total, rows) - rows + 0.5) / (rows + 0.5)))
    return Weighted(tuple(weights), counts)


def _present(db: sqlite3.Connection, table: Table, term: Term) -> dict[str, int]:
    """The alternatives of a term that some row holds, and how many rows do."""
    counts: dict[str, int] = {}
    expressions = list(dict.fromkeys(term.expressions))
    for start in range(0, len(expressions), _AT_ONCE):
        part = expressions[start : start + _AT_ONCE]
        columns = ", ".join([f"(SELECT count(*) FROM {table} WHERE {table} MATCH ?)"] * len(part))
        row = db.execute(f"SELECT {columns}", part).fetchone()
        counts.update((expression, count) for expression, count in zip(part, row, strict=True) if count)
    return counts


def _count_rows(db: sqlite3.Connection, table: Table, counts: Mapping[str, int]) -> int:
    """The rows with any of some alternatives."""
    if len(counts) < 2:
        return sum(counts.values())
    query = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"
    return int(db.execute(query, (_either(counts),)).fetchone()[0])


# --- one table ---


class _Rows(NamedTuple):
    """Rows that hold something: ids int64 `(n,)` in order, and float64 `(n,)`, what BM25 makes of its frequency."""

    ids: Ids
    values: Numbers


class Selection:
    """The rows of a table that hold enough of some terms.

    Rows that only hold terms which together are not enough are never read: most rows hold a common word. If even the
    others are in more than `MOST_ROWS` rows, the first rows that hold all terms, and the first that hold each, are
    used.

    Attributes:
        ids: of the rows, int64 `(n,)`, in order.
        covered: the weight of the terms in each, float64 `(n,)`.
        shares: by term what BM25 makes of its frequency in each row, in [0, 2.2), float64 `(terms, n)`; 0 for a term
            that is not in the row, and 1 for one that is if nothing was to be scored.
    """

    def __init__(
        self, db: sqlite3.Connection, table: Table, counts: Counts, weights: Sequence[float], scored: bool
    ) -> None:
        self._db, self._table = db, table
        self.ids: Ids
        self.covered: Numbers
        self.shares: Numbers
        # Of many terms few rows hold enough, so these are selected before any is scored.
        many = scored and len(counts) > _MANY
        self._select(counts, weights, scored and not many)
        if many and len(self.ids) > _FEW:
            self._select(counts, weights, True)
        elif many:
            self.shares = _shares_of_texts(db, self.ids.tolist(), counts) * (self.shares > 0)

    def _select(self, counts: Counts, weights: Sequence[float], scored: bool) -> None:
        self._scored = scored
        least = min(LEAST_COVERED * math.fsum(weights), MOST_COVERED) * _EXACTLY
        self.ids, self.covered, self.shares = np.zeros(0, np.int64), np.zeros(0), np.zeros((len(counts), 0))
        rows = self._rows_by_term(counts, weights, least)
        if not rows:
            return
        # Unless it counts, `unique` asks about masked arrays, whose import takes longer than a small search.
        ids, _ = np.unique(np.concatenate([found.ids for found in rows.values()]), return_counts=True)
        shares = np.zeros((len(counts), len(ids)))
        for term, found in rows.items():
            shares[term, np.searchsorted(ids, found.ids)] = found.values
        covered = np.round(np.asarray(weights) @ (shares > 0), _DIGITS)
        enough = covered >= least
        self.ids, self.covered, self.shares = ids[enough], covered[enough], shares[:, enough]

    def _rows_by_term(self, counts: Counts, weights: Sequence[float], least: float) -> dict[int, _Rows]:
        order = sorted(range(len(weights)), key=lambda term: -weights[term])
        cumulative = np.cumsum([weights[term] for term in reversed(order)])
        rare = order[: len(order) - int(np.count_nonzero(cumulative < least))]
        rows = self._rows_of_rare(rare, counts, weights, least)
        if not rows:
            return {}
        capped = any(len(found.ids) >= MOST_ROWS for found in rows.values())
        sums, either = _sum(list(rows.values())), _either(rows)
        for term in order[len(rare) :]:
            for text, count in counts[term].items():
                if text not in rows:
                    alone = count <= min(MOST_ROWS, 2 * len(sums.ids))  # then the condition costs more than it saves
                    rows[text] = self._rows(text) if alone else self._rows_with(text, either, sums, capped)
        if self._scored:
            rows = self._scaled(rows, counts)
        by_term = {term: _best([rows[text] for text in counts[term]]) for term in order if counts[term]}
        if capped:
            with_all = self._ids(" AND ".join(f"({_either(counts[term])})" for term in by_term))
            once = _Rows(with_all, np.full(len(with_all), _UNKNOWN))
            by_term = {term: _best([found, once]) for term, found in by_term.items()}
            for found in by_term.values():
                found.values[found.values == _UNKNOWN] = 1.0
        return by_term

    def _rows_of_rare(
        self, rare: Sequence[int], counts: Counts, weights: Sequence[float], least: float
    ) -> dict[str, _Rows]:
        """The rows by rare alternative, without those that hold it and nothing else if that is not enough.

        Few rows hold two words of a query, so most are never read.
        """
        complete = len(counts) <= _MANY and all(count < MOST_ROWS for term in rare for count in counts[term].values())
        rows: dict[str, _Rows] = {}
        for term in rare:
            others = [text for other, of_term in enumerate(counts) if other != term for text in of_term]
            partner = _either(dict.fromkeys(others)) if complete and weights[term] < least else ""
            rows |= {text: self._rows(text, partner) for text in counts[term]}
        return rows

    def _scaled(self, rows: Mapping[str, _Rows], counts: Counts) -> dict[str, _Rows]:
        """The rows with what BM25 makes of frequencies alone, without the weights of this table."""
        size = _table_size(self._db, self._table)
        idfs = {text: _fts_idf(size.rows, count) for of_term in counts for text, count in of_term.items()}
        return {
            text: found
            if len(found.ids) and found.values[0] == _UNKNOWN
            else _Rows(found.ids, _require_shares(found.values / idfs[text]))
            for text, found in rows.items()
        }

    def _ids(self, expression: str) -> Ids:
        query = f"SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? LIMIT ?"
        # As one text, which takes a fifth of the time of so many rows.
        (listed,) = self._db.execute(f"SELECT group_concat(rowid) FROM ({query})", (expression, MOST_ROWS)).fetchone()
        return np.fromstring(listed or "", np.int64, sep=",")

    def _rows(self, expression: str, partner: str = "") -> _Rows:
        """The rows that an expression matches, and another one if given, with the scores of the first in this table."""
        both = f"({expression}) AND ({partner})" if partner else expression
        if not self._scored:
            ids = self._ids(both)
            return _Rows(ids, np.ones(len(ids)))
        match = f"FROM {self._table} WHERE {self._table} MATCH ?"
        # The plus has SQLite go through the rows of the first, and score those alone that hold both.
        within = f" AND +rowid IN (SELECT rowid {match})" if partner else ""
        values = (expression, both, MOST_ROWS) if partner else (expression, MOST_ROWS)
        pairs = self._db.execute(f"SELECT rowid, -rank {match}{within} LIMIT ?", values).fetchall()
        ids_and_scores = zip(*pairs, strict=True) if pairs else ((), ())
        ids, scores = map(np.array, ids_and_scores)
        return _Rows(ids.astype(np.int64), scores.astype(np.float64))

    def _rows_with(self, text: str, either: str, sums: _Rows, capped: bool) -> _Rows:
        """The rows that hold a common alternative and a rare one, with their scores for the common one alone."""
        found = self._rows(f"({text}) AND ({either})")
        if not self._scored or not len(found.ids):
            return found
        if capped:  # the scores of some rare words are unknown
            return _Rows(found.ids, np.full(len(found.ids), _UNKNOWN))
        return _Rows(found.ids, found.values - sums.values[np.searchsorted(sums.ids, found.ids)])


def _shares_of_texts(db: sqlite3.Connection, ids: Sequence[int], counts: Counts) -> Numbers:
    """What BM25 makes of the frequencies of terms in some passages, float64 `(terms, n)`, counted in their texts."""
    size = _table_size(db, "passages")
    texts: dict[int, str] = {}
    for batch in batches(ids):
        texts.update(db.execute(f"SELECT id, text FROM items WHERE id IN ({placeholders(batch)})", batch))
    lines = [tokens.line(texts.get(item, "")).split() for item in ids]
    saturations = _saturation(np.array(list(map(len, lines)), np.float64), size)
    padded = ["".join(f" {token} " for token in line) for line in lines]  # so that neighbours share no blank
    needles = [list(map(_needle, of_term)) for of_term in counts]
    frequencies = [[max((line.count(each) for each in of_term), default=0) for line in padded] for of_term in needles]
    found = np.maximum(np.array(frequencies, np.float64), 1.0)
    shares: Numbers = found * (_K1 + 1.0) / (found + saturations)
    return shares


def _needle(expression: str) -> str:
    """A quoted expression of FTS5 as it stands in a padded line of tokens."""
    text = "".join(f" {token} " for token in expression.rstrip("*").strip('"').split())
    return text.rstrip() if expression.endswith("*") else text


def _sum(rows: Sequence[_Rows]) -> _Rows:
    ids, inverse = np.unique(np.concatenate([found.ids for found in rows]), return_inverse=True)
    values = np.bincount(inverse, np.concatenate([found.values for found in rows]), len(ids))
    return _Rows(ids, values.astype(np.float64))


def _best(rows: Sequence[_Rows]) -> _Rows:
    """The rows of any, each with its highest value: two alternatives may be spellings of one occurrence."""
    if len(rows) == 1:
        return rows[0]
    ids, inverse = np.unique(np.concatenate([found.ids for found in rows]), return_inverse=True)
    values = np.zeros(len(ids))
    np.maximum.at(values, inverse, np.concatenate([found.values for found in rows]))
    return _Rows(ids, values)


def _require_shares(shares: Numbers) -> Numbers:
    if len(shares) and not (shares.min() > -1e-3 and shares.max() < _K1 + 1.0):
        raise _damaged("words weigh more in it than they can")
    return np.maximum(shares, _LEAST_IDF)


def _either(expressions: Mapping[str, object]) -> str:
    return " OR ".join(expressions)


def _fts_idf(rows: int, count: int) -> float:
    """The weight of a phrase that `count` of all rows hold, as FTS5 computes it."""
    idf = math.log(max(rows - count + 0.5, 0.5) / (count + 0.5))
    return idf if idf > 0.0 else _LEAST_IDF


# --- several tables as one ---


def find_passages(dbs: Sequence[sqlite3.Connection], weighted: Weighted) -> list[dict[int, WordMatch]]:
    """By index, the passages that hold enough of some terms, by the ids of their items.

    FTS5 computes BM25 within one table. The frequency of each term in a passage and the length of the passage are
    derived from that, and the scores computed again with the row counts and lengths of all tables together.
    """
    sizes = [_table_size(db, "passages") for db in dbs]
    combined = _TableSize(sum(size.rows for size in sizes), sum(size.tokens for size in sizes))
    results: list[dict[int, WordMatch]] = []
    for db, size, counts in zip(dbs, sizes, weighted.counts, strict=True):
        selection = Selection(db, "passages", counts, weighted.weights, scored=True)
        shares = selection.shares
        if len(dbs) > 1 and len(selection.ids):
            lengths = _passage_lengths(db, selection.ids.tolist())
            own, whole = _saturation(lengths, size), _saturation(lengths, combined)
            frequencies = np.maximum(np.round(shares * own / (_K1 + 1.0 - shares)), shares > 0)
            shares = frequencies * (_K1 + 1.0) / (frequencies + whole)
        scores = np.round(np.asarray(weighted.weights) @ shares, _DIGITS)
        matches = map(WordMatch, selection.covered.tolist(), scores.tolist())
        results.append(dict(zip(selection.ids.tolist(), matches, strict=True)))
    return results


class _TableSize(NamedTuple):
    """How many rows there are in a table of words, and the tokens of all together."""

    rows: int
    tokens: int


def _table_size(db: sqlite3.Connection, table: Table) -> _TableSize:
    row = db.execute(f"SELECT block FROM {table}_data WHERE id = 1").fetchone()
    numbers = _varints(row[0]) if row and type(row[0]) is bytes else []
    return _TableSize(*numbers) if len(numbers) == 2 and max(numbers) <= value_check.MOST else _TableSize(0, 0)


def _saturation(lengths: Numbers, size: _TableSize) -> Numbers:
    """The term of BM25 that keeps a word repeated in passages of these lengths from counting each time in full."""
    if not size.rows or not size.tokens:
        raise _damaged("it counts its passages wrongly")
    return _K1 * (1 - _B + _B * lengths / (size.tokens / size.rows))


def _passage_lengths(db: sqlite3.Connection, rows: Sequence[int]) -> Numbers:
    """The tokens of some passages in order."""
    lengths: dict[int, int] = {}
    for batch in batches(rows):
        query = f"SELECT id, sz FROM passages_docsize WHERE id IN ({placeholders(batch)})"
        for row, size in db.execute(query, batch):
            numbers = _varints(size) if type(size) is bytes else []
            if not numbers:
                raise _damaged(f"passage {row} has no length")
            lengths[row] = numbers[0]
    if len(lengths) < len(rows):
        raise _damaged("some passages have no length")
    return np.array([lengths[row] for row in rows], np.float64)


def _damaged(reason: str) -> IndexDamaged:
    return IndexDamaged(f"the table of words cannot be used, {reason}: {value_check.REMEDY}")


def _varints(data: bytes) -> list[int]:
    """Numbers as SQLite packs them: seven bits a byte, the highest first, and all eight of a ninth byte."""
    numbers, number, used = [], 0, 0
    for byte in data:
        used += 1
        if used == 9:
            number = number << 8 | byte
        else:
            number = number << 7 | byte & 0x7F
            if byte & 0x80:
                continue
        numbers.append(number)
        number, used = 0, 0
    return numbers
