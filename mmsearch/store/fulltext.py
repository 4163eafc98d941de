"""Full text beside the vectors: which passages, and which names of files and folders, hold given words.

Two FTS5 tables, changed by the same transaction as the rows they index. Words are folded and stemmed by FTS5 alone, for
texts and queries. Several indexes are searched as if their words were in one. Knows nothing about vectors, languages,
filters or what a match is worth.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import value_check
from mmsearch.store.database import batches, placeholders
from mmsearch.system.lazy_import import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

Ids: TypeAlias = "npt.NDArray[np.int64]"
Shares: TypeAlias = "npt.NDArray[np.float64]"
Table: TypeAlias = Literal["passages", "names"]

_TOKENIZER = "tokenize = 'porter unicode61 remove_diacritics 2'"
# Pictures of pages are no passages: the text of the page has its own.
_INDEXED = "partition = 'text' AND text <> ''"
_NAMED = "status = 'ok'"
TABLES: tuple[Table, ...] = ("passages", "names")
_MERGED_PAGES = 4096
"""Pages of 4 KB; a larger table is not rewritten to erase the words of deleted rows."""
_IN_PLACE = (3, 42)
"""The first SQLite that can delete words in place; older ones cannot search such a table."""
MOST_ROWS = 50_000
"""Rows of a word that are used; the others count only if a rarer word selects them."""
_K1, _B = 1.2, 0.75
"""FTS5's constants of BM25."""
_LEAST_IDF = 1e-6
"""FTS5's least weight of a word."""
_CHUNK = re.compile(r"[^\W_]+")
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=\D)|(?<=\D)(?=\d)")


def create(db: sqlite3.Connection) -> None:
    """Make the tables and fill them from the rows that exist already."""
    # The text of a passage is stored once, with its item, so its words must be deleted before the item is.
    db.execute(
        f"CREATE VIRTUAL TABLE passages USING fts5 (text, content = 'items', content_rowid = 'id', {_TOKENIZER})"
    )
    db.execute(f"CREATE VIRTUAL TABLE names USING fts5 (words, {_TOKENIZER})")
    db.execute(f"INSERT INTO passages (rowid, text) SELECT id, text FROM items WHERE {_INDEXED}")
    files = db.execute(f"SELECT id, path FROM files WHERE {_NAMED}").fetchall()
    db.executemany("INSERT INTO names (rowid, words) VALUES (?, ?)", ((file, split_name(path)) for file, path in files))


def drop(db: sqlite3.Connection) -> None:
    """Remove the tables, when all rows they index go."""
    for table in TABLES:
        db.execute(f"DROP TABLE IF EXISTS {table}")


def add_passages(db: sqlite3.Connection, content_id: int) -> None:
    """Index the passages of a content whose items have just been written."""
    db.execute(
        f"INSERT INTO passages (rowid, text) SELECT id, text FROM items WHERE content_id = ? AND {_INDEXED}",
        (content_id,),
    )


def remove_passages(db: sqlite3.Connection, content_id: int) -> None:
    """Forget the passages of a content whose items are about to be deleted."""
    db.execute(
        "INSERT INTO passages (passages, rowid, text)"
        f" SELECT 'delete', id, text FROM items WHERE content_id = ? AND {_INDEXED}",
        (content_id,),
    )


def put_name(db: sqlite3.Connection, path: bytes, searchable: bool) -> None:
    """Index the words of a file's stored path, or remove them for a file that no search may find."""
    (file,) = db.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
    present = db.execute("SELECT 1 FROM names WHERE rowid = ?", (file,)).fetchone() is not None
    if searchable and not present:
        db.execute("INSERT INTO names (rowid, words) VALUES (?, ?)", (file, split_name(path)))
    elif present and not searchable:
        remove_name(db, file)


def remove_name(db: sqlite3.Connection, file: int) -> None:
    """Forget the words of a file by its id."""
    db.execute("DELETE FROM names WHERE rowid = ?", (file,))


def harden(db: sqlite3.Connection) -> None:
    """Delete words in place from now on, if tables are large and SQLite can; call it in a transaction."""
    if sqlite3.sqlite_version_info >= _IN_PLACE:
        for table in TABLES:
            if not _in_place(db, table) and _pages(db, table) > _MERGED_PAGES:
                db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('secure-delete', 1)")


def expunge(db: sqlite3.Connection, table: Table, *, whole: bool = False) -> bool:
    """Erase the words of deleted rows, in a transaction; False if the table is too large and `whole` is not set."""
    if not whole and (_in_place(db, table) or _pages(db, table) > _MERGED_PAGES):
        return _in_place(db, table)
    db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
    return True


def scattered(db: sqlite3.Connection) -> list[Table]:
    """The tables whose words are in several segments, of which one may hold words of deleted rows."""
    return [t for t in TABLES if db.execute(f"SELECT count(DISTINCT segid) > 1 FROM {t}_idx").fetchone()[0]]


def _in_place(db: sqlite3.Connection, table: Table) -> bool:
    return db.execute(f"SELECT 1 FROM {table}_config WHERE k = 'secure-delete' AND v").fetchone() is not None


def _pages(db: sqlite3.Connection, table: Table) -> int:
    """The approximate number of pages that the words take."""
    return int(db.execute(f"SELECT count(*) FROM {table}_idx").fetchone()[0])


def split_name(path: bytes) -> str:
    """The words of a stored path: split at punctuation, and each also by case and digits.

    `Trips/IMG_red-car2.jpg` gives `Trips IMG red car2 car 2 jpg`. Bytes that are no UTF-8 separate words.
    """
    words: list[str] = []
    for chunk in _CHUNK.findall(path.decode("utf-8", "replace")):
        words.append(chunk)
        parts = _SEAM.split(chunk)
        words += parts if len(parts) > 1 else []
    return " ".join(words)


def problems(db: sqlite3.Connection) -> Iterator[str]:
    """Differences from the items and files that the words are of, one line each."""
    for table, rows in (
        ("passages", f"SELECT id FROM items WHERE {_INDEXED}"),
        ("names", f"SELECT id FROM files WHERE {_NAMED}"),
    ):
        (wrong,) = db.execute(
            f"SELECT count(*) FROM (SELECT * FROM ({rows} EXCEPT SELECT id FROM {table}_docsize)"
            f" UNION ALL SELECT * FROM (SELECT id FROM {table}_docsize EXCEPT {rows}))"
        ).fetchone()
        if wrong:
            yield f"{wrong} {table} are not in their table of words, or only there"


# --- one index ---


def find_passages(db: sqlite3.Connection, terms: Sequence[str], least: float) -> Iterator[tuple[int, float]]:
    """Item ids and BM25 scores of passages that hold at least a share of the words, best first.

    A word counts by its inverse document frequency, so `least` is a share of the weights of all words.
    """
    counts = _counts(db, "passages", terms)
    matches = Matches(db, "passages", terms, _weights(counts, _count_passages(db)), least)
    passing = set(matches.ids[matches.shares >= least].tolist())
    if not passing:
        return
    if sum(counts) <= MOST_ROWS:
        scores = _scores(db, _either([_quote(term) for term in terms]))
    else:  # by all words, of the rows that hold a rare one alone; exact but for the last digits
        rare = _either(matches.rare)
        scores = _scores(db, rare)
        if matches.common:
            # Only rows with a rare word match, and so those count twice: once too often.
            doubled = _scores(db, f"({rare}) AND ({_either(matches.rare + matches.common)})")
            scores = {item: doubled[item] - score for item, score in scores.items() if item in doubled}
    passing_scores = {item: score for item, score in scores.items() if item in passing}
    yield from sorted(passing_scores.items(), key=lambda pair: (-pair[1], pair[0]))


def find_names(db: sqlite3.Connection, terms: Sequence[str], least: float) -> list[tuple[int, float]]:
    """Ids of files whose path holds at least a share of the words, with that share, best first."""
    return [(match.row, match.score) for match in find_names_in_all([db], terms, least)]


def _count_passages(db: sqlite3.Connection) -> int:
    """Live items of the text partition."""
    return int(db.execute("SELECT coalesce(sum(live), 0) FROM segments WHERE partition = 'text'").fetchone()[0])


def _count_names(db: sqlite3.Connection) -> int:
    """Files whose names can be found."""
    # SQLite need not read each row for either of these.
    query = "SELECT (SELECT count(*) FROM files) - (SELECT count(*) FROM files WHERE status <> 'ok')"
    return int(db.execute(query).fetchone()[0])


def _counts(db: sqlite3.Connection, table: Table, terms: Sequence[str]) -> list[int]:
    """How many rows hold each word."""
    query = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"
    return [int(db.execute(query, (_quote(term),)).fetchone()[0]) for term in terms]


def _weights(counts: Sequence[int], total: int) -> list[float]:
    """The inverse document frequency of each word, held by `counts` of `total` rows."""
    return [math.log(1 + (max(total, count) - count + 0.5) / (count + 0.5)) for count in counts]


class Matches:
    """The rows that hold enough of some words, and the share of the words' weight that each holds, in [0, 1].

    Rows that only hold words which together are not enough are never read: most rows hold a common word. If even the
    others are in more than `MOST_ROWS` rows, the first rows that hold all words, and the first that hold each, are
    used.

    Attributes:
        ids: of the rows, int64 `(n,)`, in order.
        shares: float64 `(n,)`.
        rare, common: the words as FTS5 strings; each of the rows holds a rare one.
    """

    def __init__(
        self, db: sqlite3.Connection, table: Table, terms: Sequence[str], weights: Sequence[float], least: float
    ) -> None:
        order = sorted(range(len(terms)), key=lambda position: -weights[position])
        cumulative = np.cumsum([weights[position] for position in reversed(order)])
        common = int(np.count_nonzero(cumulative < least * sum(weights) * (1 - 1e-9)))
        words = [_quote(terms[position]) for position in order]
        self.rare, self.common = words[: len(words) - common], words[len(words) - common :]
        self.ids: Ids = np.zeros(0, np.int64)
        self.shares: Shares = np.zeros(0)
        if terms:
            rows = self._rows(db, table)
            self.ids, inverse = np.unique(np.concatenate(rows), return_inverse=True)
            row_weights = np.repeat([weights[position] for position in order], [len(ids) for ids in rows])
            self.shares = np.bincount(inverse, row_weights, len(self.ids)) / sum(weights)

    def _rows(self, db: sqlite3.Connection, table: Table) -> list[Ids]:
        """For each word, rare ones first, the rows that hold it and a rare one."""

        def rows_with(expression: str) -> Ids:
            query = f"SELECT rowid FROM {table} WHERE {table} MATCH ? LIMIT ?"
            return np.fromiter((row for (row,) in db.execute(query, (expression, MOST_ROWS))), np.int64)

        rows_by_word = [rows_with(word) for word in self.rare]
        capped = any(len(rows) == MOST_ROWS for rows in rows_by_word)
        rows_by_word += [rows_with(f"{word} AND ({_either(self.rare)})") for word in self.common]
        if capped:
            rows_with_all = rows_with(" AND ".join(self.rare + self.common))
            rows_by_word = [np.union1d(rows, rows_with_all) for rows in rows_by_word]
        return rows_by_word


def _scores(db: sqlite3.Connection, expression: str) -> dict[int, float]:
    query = "SELECT rowid, -rank FROM passages WHERE passages MATCH ? LIMIT ?"
    return dict(db.execute(query, (expression, MOST_ROWS)))


def _either(expressions: Sequence[str]) -> str:
    return " OR ".join(expressions)


def _quote(term: str) -> str:
    """A word as an FTS5 string, so that none is an operator."""
    return '"' + term.replace('"', '""') + '"'


# --- several indexes as one ---


class Match(NamedTuple):
    """A row of the words of one of several indexes: an item or a file, and its score."""

    shard: int
    row: int
    score: float


def find_names_in_all(dbs: Sequence[sqlite3.Connection], terms: Sequence[str], least: float) -> list[Match]:
    """Files whose path holds at least a share of the words, with that share, best first."""
    return sorted(
        _matches_in_all(dbs, "names", terms, sum(map(_count_names, dbs)), least),
        key=lambda match: (-match.score, match.shard, match.row),
    )


def _matches_in_all(
    dbs: Sequence[sqlite3.Connection], table: Table, terms: Sequence[str], total: int, least: float
) -> list[Match]:
    """The rows that hold at least a share of the words' weight, with that share."""
    counts = [sum(shards) for shards in zip(*(_counts(db, table, terms) for db in dbs), strict=True)]
    weights = _weights(counts, total)
    results = []
    for shard, db in enumerate(dbs):
        matches = Matches(db, table, terms, weights, least)
        pairs = zip(matches.ids.tolist(), matches.shares.tolist(), strict=True)
        results += [Match(shard, row, share) for row, share in pairs if share >= least]
    return results


def find_passages_in_all(dbs: Sequence[sqlite3.Connection], terms: Sequence[str], least: float) -> list[Match]:
    """Items whose passage holds at least a share of the words, with their BM25 scores over all indexes, best first.

    FTS5 computes BM25 within one table. The frequency of each word in a passage and the length of the passage are
    derived from that, and the scores computed again with the row counts and lengths of all tables together.
    """
    rows: list[list[int]] = [[] for _ in dbs]
    for match in _matches_in_all(dbs, "passages", terms, sum(map(_count_passages, dbs)), least):
        rows[match.shard].append(match.row)
    if not any(rows):
        return []
    query = "SELECT rowid, -rank FROM passages WHERE passages MATCH ?"
    # By index and word: the score for this word alone of each row that holds it, within its own table.
    scores = [[dict(db.execute(query, (_quote(term),))) for term in terms] for db in dbs]
    tables = [_table_size(db) for db in dbs]
    combined = _TableSize(sum(table.rows for table in tables), sum(table.tokens for table in tables))
    idfs = [_idf(combined.rows, sum(map(len, by_shard))) for by_shard in zip(*scores, strict=True)]
    results: list[Match] = []
    for shard, db in enumerate(dbs):
        table_idfs = [_idf(tables[shard].rows, len(by_row)) for by_row in scores[shard]]
        for row, length in _passage_lengths(db, sorted(set(rows[shard]))).items():
            score = 0.0
            for by_row, table_idf, idf in zip(scores[shard], table_idfs, idfs, strict=True):
                frequency = _frequency(by_row.get(row, 0.0) / table_idf, _saturation(length, tables[shard]))
                score += idf * (frequency * (_K1 + 1.0) / (frequency + _saturation(length, combined)))
            results.append(Match(shard, row, score))
    return sorted(results, key=lambda match: (-match.score, match.shard, match.row))


class _TableSize(NamedTuple):
    """How many passages there are in a table of words, and the tokens of all together."""

    rows: int
    tokens: int


def _idf(rows: int, count: int) -> float:
    """The inverse document frequency of a word that `count` of all rows hold, as FTS5 computes it."""
    idf = math.log(max(rows - count + 0.5, 0.5) / (count + 0.5))
    return idf if idf > 0.0 else _LEAST_IDF


def _saturation(length: int, table: _TableSize) -> float:
    """The term of BM25 that keeps a word repeated in a passage of this length from counting each time in full."""
    if not table.rows or not table.tokens:
        raise _damaged("it counts its passages wrongly")
    return _K1 * (1 - _B + _B * length / (table.tokens / table.rows))


def _frequency(share: float, saturation: float) -> float:
    """How often a passage holds a word, by its share of a score: x = f (k + 1) / (f + saturation), solved for f."""
    if not 0 <= share < _K1 + 1.0:
        raise _damaged("words weigh more in it than they can")
    return float(round(share * saturation / (_K1 + 1.0 - share)))


def _table_size(db: sqlite3.Connection) -> _TableSize:
    row = db.execute("SELECT block FROM passages_data WHERE id = 1").fetchone()
    numbers = _varints(row[0]) if row and type(row[0]) is bytes else []
    return _TableSize(*numbers) if len(numbers) == 2 and max(numbers) <= value_check.MOST else _TableSize(0, 0)


def _passage_lengths(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, int]:
    """The tokens of some passages."""
    lengths: dict[int, int] = {}
    for batch in batches(rows):
        query = f"SELECT id, sz FROM passages_docsize WHERE id IN ({placeholders(batch)})"
        for row, size in db.execute(query, batch):
            numbers = _varints(size) if type(size) is bytes else []
            if not numbers:
                raise _damaged(f"passage {row} has no length")
            lengths[row] = numbers[0]
    return lengths


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
