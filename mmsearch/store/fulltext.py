"""Full text beside the vectors: which passages, and which names of files and folders, hold given words.

Two FTS5 tables, changed by the same transaction as what they describe. Words are folded and stemmed by FTS5 alone, at
both ends. Knows nothing about vectors, queries in a language, or what a match is worth.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

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
# What was embedded as a picture of a page has the page's text in passages of its own.
_INDEXED = "partition = 'text' AND text <> ''"
_NAMED = "status = 'ok'"
TABLES: tuple[Table, ...] = ("passages", "names")
_MERGED_PAGES = 4096
"""Of 4 KB: up to so many are written anew to be rid of words of what was deleted."""
_IN_PLACE = (3, 42)
"""The first SQLite that can delete words where they lie; those before cannot search such a table."""
MOST_ROWS = 50_000
"""Of a word that more rows hold, and no rarer one tells them apart, the first so many are looked at."""
_CHUNK = re.compile(r"[^\W_]+")
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=\D)|(?<=\D)(?=\d)")


def create(db: sqlite3.Connection) -> None:
    """Make the tables and fill them with what is indexed already."""
    # The text of a passage is kept once, with its item; a deleted item must therefore say goodbye here first.
    db.execute(
        f"CREATE VIRTUAL TABLE passages USING fts5 (text, content = 'items', content_rowid = 'id', {_TOKENIZER})"
    )
    db.execute(f"CREATE VIRTUAL TABLE names USING fts5 (words, {_TOKENIZER})")
    db.execute(f"INSERT INTO passages (rowid, text) SELECT id, text FROM items WHERE {_INDEXED}")
    files = db.execute(f"SELECT id, path FROM files WHERE {_NAMED}").fetchall()
    db.executemany("INSERT INTO names (rowid, words) VALUES (?, ?)", ((file, split_name(path)) for file, path in files))


def drop(db: sqlite3.Connection) -> None:
    """Remove the tables, when everything they describe goes."""
    for table in ("passages", "names"):
        db.execute(f"DROP TABLE IF EXISTS {table}")


def add_passages(db: sqlite3.Connection, content_id: int) -> None:
    """Take in the passages of a content whose items have just been written."""
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


def put_name(db: sqlite3.Connection, path: bytes, wanted: bool) -> None:
    """Make sure that the words of a file's stored path are there, or, for one that answers no search, are not."""
    (file,) = db.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
    present = db.execute("SELECT 1 FROM names WHERE rowid = ?", (file,)).fetchone() is not None
    if wanted and not present:
        db.execute("INSERT INTO names (rowid, words) VALUES (?, ?)", (file, split_name(path)))
    elif present and not wanted:
        remove_name(db, file)


def remove_name(db: sqlite3.Connection, file: int) -> None:
    """Forget the words of a file by its id."""
    db.execute("DELETE FROM names WHERE rowid = ?", (file,))


def harden(db: sqlite3.Connection) -> None:
    """Have words be deleted where they lie from now on, if tables are large and SQLite can; in a transaction."""
    if sqlite3.sqlite_version_info >= _IN_PLACE:
        for table in TABLES:
            if not _in_place(db, table) and _pages(db, table) > _MERGED_PAGES:
                db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('secure-delete', 1)")


def expunge(db: sqlite3.Connection, table: Table, *, whole: bool = False) -> bool:
    """Be rid of the words of rows that were deleted, for FTS5 keeps them; False where there are too many to do so.

    Args:
        db: in a transaction.
        table: which words.
        whole: do it however long it takes.
    """
    if not whole and (_in_place(db, table) or _pages(db, table) > _MERGED_PAGES):
        return _in_place(db, table)
    db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
    return True


def scattered(db: sqlite3.Connection) -> list[Table]:
    """The tables whose words lie in several pieces, of which one may hold words of what was deleted."""
    return [t for t in TABLES if db.execute(f"SELECT count(DISTINCT segid) > 1 FROM {t}_idx").fetchone()[0]]


def _in_place(db: sqlite3.Connection, table: Table) -> bool:
    return db.execute(f"SELECT 1 FROM {table}_config WHERE k = 'secure-delete' AND v").fetchone() is not None


def _pages(db: sqlite3.Connection, table: Table) -> int:
    """About how many pages the words take."""
    return int(db.execute(f"SELECT count(*) FROM {table}_idx").fetchone()[0])


def split_name(path: bytes) -> str:
    """The words of a stored path: cut at punctuation, and what that leaves also by case and digits.

    `Trips/IMG_red-car2.jpg` gives `Trips IMG red car2 car 2 jpg`. Bytes that are no UTF-8 separate words.
    """
    words: list[str] = []
    for chunk in _CHUNK.findall(path.decode("utf-8", "replace")):
        words.append(chunk)
        parts = _SEAM.split(chunk)
        words += parts if len(parts) > 1 else []
    return " ".join(words)


def problems(db: sqlite3.Connection) -> Iterator[str]:
    """What does not agree with the items and files that the words are of, one line each."""
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


def find_passages(db: sqlite3.Connection, terms: Sequence[str], least: float) -> Iterator[tuple[int, float]]:
    """Item ids and BM25 scores of passages that hold at least a share of the words, best first.

    A word counts by its inverse document frequency, so `least` is a share of what the words tell together.
    """
    counted = counts(db, "passages", terms)
    held = Held(db, "passages", terms, weights(counted, count_passages(db)), least)
    good = set(held.ids[held.shares >= least].tolist())
    if not good:
        return
    few = sum(counted) <= MOST_ROWS
    found = _scores(db, _either([quoted(term) for term in terms])) if few else _telling_scores(db, held)
    scores = {item: score for item, score in found.items() if item in good}
    yield from sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def find_names(db: sqlite3.Connection, terms: Sequence[str], least: float) -> list[tuple[int, float]]:
    """Ids of files whose path holds at least a share of the words, with that share, best first."""
    held = Held(db, "names", terms, weights(counts(db, "names", terms), count_names(db)), least)
    order = np.lexsort((held.ids, -held.shares))
    return [(int(held.ids[at]), float(held.shares[at])) for at in order if held.shares[at] >= least]


def count_passages(db: sqlite3.Connection) -> int:
    """Live items of the text partition."""
    return int(db.execute("SELECT coalesce(sum(live), 0) FROM segments WHERE partition = 'text'").fetchone()[0])


def count_names(db: sqlite3.Connection) -> int:
    """Files whose names can be found."""
    # SQLite need not look at each row for either of these.
    query = "SELECT (SELECT count(*) FROM files) - (SELECT count(*) FROM files WHERE status <> 'ok')"
    return int(db.execute(query).fetchone()[0])


def counts(db: sqlite3.Connection, table: Table, terms: Sequence[str]) -> list[int]:
    """How many rows hold each word."""
    query = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"
    return [int(db.execute(query, (quoted(term),)).fetchone()[0]) for term in terms]


def weights(counted: Sequence[int], total: int) -> list[float]:
    """What each word tells, its inverse document frequency, when so many of `total` rows hold it."""
    return [math.log(1 + (max(total, count) - count + 0.5) / (count + 0.5)) for count in counted]


class Held:
    """Which rows hold enough of some words, and the share of the words' weight that each holds, in [0, 1].

    Rows that only hold words which together are not enough are never looked at: most rows hold a common word. Where
    even the others are in more than `MOST_ROWS` rows, the first that hold all words, and the first that hold each, do.

    Attributes:
        ids: of the rows, int64 `(n,)`, in order.
        shares: float64 `(n,)`.
        telling, common: the words as FTS5 strings; each of the rows holds a telling one.
    """

    def __init__(
        self, db: sqlite3.Connection, table: Table, terms: Sequence[str], weighted: Sequence[float], least: float
    ) -> None:
        order = sorted(range(len(terms)), key=lambda at: -weighted[at])
        rest = np.cumsum([weighted[at] for at in reversed(order)])
        common = int(np.count_nonzero(rest < least * sum(weighted) * (1 - 1e-9)))
        words = [quoted(terms[at]) for at in order]
        self.telling, self.common = words[: len(words) - common], words[len(words) - common :]
        self.ids: Ids = np.zeros(0, np.int64)
        self.shares: Shares = np.zeros(0)
        if terms:
            found = self._rows(db, table)
            self.ids, at = np.unique(np.concatenate(found), return_inverse=True)
            each = np.repeat([weighted[place] for place in order], [len(rows) for rows in found])
            self.shares = np.bincount(at, each, len(self.ids)) / sum(weighted)

    def _rows(self, db: sqlite3.Connection, table: Table) -> list[Ids]:
        """For each word, those that tell first, the rows that hold it and a telling one."""
        found = [_rows_with(db, table, word) for word in self.telling]
        capped = any(len(rows) == MOST_ROWS for rows in found)
        found += [_rows_with(db, table, f"{word} AND ({_either(self.telling)})") for word in self.common]
        if capped:
            every = _rows_with(db, table, " AND ".join(self.telling + self.common))
            found = [np.union1d(rows, every) for rows in found]
        return found


def _telling_scores(db: sqlite3.Connection, held: Held) -> dict[int, float]:
    """BM25 scores, but for the last digits, by all words of the rows that hold a telling one."""
    telling = _either(held.telling)
    scores = _scores(db, telling)
    if held.common:
        # Only rows with a telling word count, and so those count twice: once too often.
        twice = _scores(db, f"({telling}) AND ({_either(held.telling + held.common)})")
        scores = {item: twice[item] - score for item, score in scores.items() if item in twice}
    return scores


def _scores(db: sqlite3.Connection, expression: str) -> dict[int, float]:
    query = "SELECT rowid, -rank FROM passages WHERE passages MATCH ? LIMIT ?"
    return dict(db.execute(query, (expression, MOST_ROWS)))


def _rows_with(db: sqlite3.Connection, table: Table, expression: str) -> Ids:
    rows = db.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH ? LIMIT ?", (expression, MOST_ROWS))
    return np.fromiter((row for (row,) in rows), np.int64)


def _either(expressions: Sequence[str]) -> str:
    return " OR ".join(expressions)


def quoted(term: str) -> str:
    """A word as an FTS5 string, so that none is an operator."""
    return '"' + term.replace('"', '""') + '"'
