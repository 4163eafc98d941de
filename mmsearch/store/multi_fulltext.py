"""Full text over several indexes as if their passages and names were in one: how rare a word is, is counted in all.

FTS5 computes BM25 within one table. What a passage adds to it, how often it holds each word and how long it is, is
taken from there, and the rest is computed anew with the numbers of all tables together. Knows nothing about filters,
or passages that are in several indexes.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from mmsearch.errors import IndexDamaged
from mmsearch.store import fulltext, value_check
from mmsearch.store.row_table import marks, parts

# FTS5's own constants; it takes the second as the least that a word tells.
_K1, _B = 1.2, 0.75
_LEAST_TOLD = 1e-6


class Found(NamedTuple):
    """A row of the words of one of several indexes: an item or a file, and its score."""

    at: int
    row: int
    score: float


class _Table(NamedTuple):
    """How many passages there are in a table of words, and the tokens of all together."""

    rows: int
    tokens: int


def find_passages(dbs: Sequence[sqlite3.Connection], terms: Sequence[str], least: float) -> list[Found]:
    """Items whose passage holds at least a share of the words, with their BM25 scores over all indexes, best first."""
    good = _good(dbs, "passages", terms, sum(map(fulltext.count_passages, dbs)), least)
    rows = {at: {one.row for one in found} for at, found in enumerate(good)}
    if not any(rows.values()):
        return []
    tables = [_table(db) for db in dbs]
    counts = [[_told(db, term) for term in terms] for db in dbs]
    whole = _Table(sum(table.rows for table in tables), sum(table.tokens for table in tables))
    tell = [_telling(whole.rows, sum(len(of[place]) for of in counts)) for place in range(len(terms))]
    found: list[Found] = []
    for at, db in enumerate(dbs):
        lengths = _lengths(db, sorted(rows[at]))
        local = [_telling(tables[at].rows, len(of)) for of in counts[at]]
        for row, length in lengths.items():
            score = 0.0
            for place, of in enumerate(counts[at]):
                often = _often(of.get(row, 0.0) / local[place], _softening(length, tables[at]))
                score += tell[place] * (often * (_K1 + 1.0) / (often + _softening(length, whole)))
            found.append(Found(at, row, score))
    return sorted(found, key=lambda one: (-one.score, one.at, one.row))


def find_names(dbs: Sequence[sqlite3.Connection], terms: Sequence[str], least: float) -> list[Found]:
    """Files whose path holds at least a share of the words, with that share, best first."""
    good = _good(dbs, "names", terms, sum(map(fulltext.count_names, dbs)), least)
    return sorted((one for found in good for one in found), key=lambda one: (-one.score, one.at, one.row))


def _good(
    dbs: Sequence[sqlite3.Connection], table: fulltext.Table, terms: Sequence[str], total: int, least: float
) -> list[list[Found]]:
    """For each index the rows that hold at least a share of what the words tell, with that share."""
    counted = [sum(of) for of in zip(*(fulltext.counts(db, table, terms) for db in dbs), strict=True)]
    weighted = fulltext.weights(counted, total)
    good = []
    for at, db in enumerate(dbs):
        held = fulltext.Held(db, table, terms, weighted, least)
        pairs = zip(held.ids.tolist(), held.shares.tolist(), strict=True)
        good.append([Found(at, row, share) for row, share in pairs if share >= least])
    return good


def _told(db: sqlite3.Connection, term: str) -> dict[int, float]:
    """By row with a word, the BM25 score for this word alone, within its own table."""
    query = "SELECT rowid, -rank FROM passages WHERE passages MATCH ?"
    return dict(db.execute(query, (fulltext.quoted(term),)))


def _telling(rows: int, count: int) -> float:
    """What a word tells that so many rows of all hold, as FTS5 weighs it."""
    told = math.log(max(rows - count + 0.5, 0.5) / (count + 0.5))
    return told if told > 0.0 else _LEAST_TOLD


def _softening(length: int, table: _Table) -> float:
    """What keeps a word that is repeated in a passage of this length from counting each time in full."""
    if not table.rows or not table.tokens:
        raise _unsound("it counts its passages wrongly")
    return _K1 * (1 - _B + _B * length / (table.tokens / table.rows))


def _often(share: float, softening: float) -> float:
    """How often a passage holds a word, by what that is worth: x = f (k + 1) / (f + softening), solved for f."""
    if not 0 <= share < _K1 + 1.0:
        raise _unsound("words weigh more in it than they can")
    return float(round(share * softening / (_K1 + 1.0 - share)))


def _table(db: sqlite3.Connection) -> _Table:
    row = db.execute("SELECT block FROM passages_data WHERE id = 1").fetchone()
    numbers = _varints(row[0]) if row and type(row[0]) is bytes else []
    return _Table(*numbers) if len(numbers) == 2 and max(numbers) <= value_check.MOST else _Table(0, 0)


def _lengths(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, int]:
    """The tokens of some passages."""
    found: dict[int, int] = {}
    for part in parts(rows):
        query = f"SELECT id, sz FROM passages_docsize WHERE id IN ({marks(part)})"
        for row, size in db.execute(query, part):
            numbers = _varints(size) if type(size) is bytes else []
            if not numbers:
                raise _unsound(f"passage {row} has no length")
            found[row] = numbers[0]
    return found


def _unsound(reason: str) -> IndexDamaged:
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
