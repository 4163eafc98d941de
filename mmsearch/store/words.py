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

from mmsearch.deferred import Deferred

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = Deferred("numpy")

Ids: TypeAlias = "npt.NDArray[np.int64]"
Shares: TypeAlias = "npt.NDArray[np.float64]"
Table: TypeAlias = Literal["passages", "names"]

_TOKENIZER = "tokenize = 'porter unicode61 remove_diacritics 2'"
# What was embedded as a picture of a page has the page's text in passages of its own.
_INDEXED = "partition = 'text' AND text <> ''"
_NAMED = "status = 'ok'"
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


def find_passages(db: sqlite3.Connection, terms: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Item and content ids and BM25 scores of passages that hold at least a share of the words, best first.

    A word counts by its inverse document frequency, so `least` is a share of what the words tell together.
    """
    ids, shares = _shares(db, "passages", terms, count_passages(db))
    good = set(ids[shares >= least].tolist())
    if not good:
        return
    query = "SELECT p.rowid, -p.rank FROM passages p WHERE p.passages MATCH ? ORDER BY p.rank, p.rowid"
    for item, score in db.execute(query, (" OR ".join(map(quoted, terms)),)):
        if item in good:
            (content,) = db.execute("SELECT content_id FROM items WHERE id = ?", (item,)).fetchone()
            yield item, content, score


def find_names(db: sqlite3.Connection, terms: Sequence[str], least: float) -> list[tuple[int, float]]:
    """Ids of files whose path holds at least a share of the words, with that share, best first."""
    ids, shares = _shares(db, "names", terms, count_names(db))
    order = np.lexsort((ids, -shares))
    return [(int(ids[at]), float(shares[at])) for at in order if shares[at] >= least]


def count_passages(db: sqlite3.Connection) -> int:
    """Live items of the text partition."""
    return int(db.execute("SELECT coalesce(sum(live), 0) FROM segments WHERE partition = 'text'").fetchone()[0])


def count_names(db: sqlite3.Connection) -> int:
    """Files whose names can be found."""
    return int(db.execute("SELECT count(*) FROM files WHERE status = 'ok'").fetchone()[0])


def _shares(db: sqlite3.Connection, table: Table, terms: Sequence[str], total: int) -> tuple[Ids, Shares]:
    """Ids of all rows with any of the words, and the share of the words' weight that each holds, in [0, 1]."""
    found = [rows_with(db, table, term) for term in terms]
    return shares(found, weights([len(rows) for rows in found], total))


def weights(counts: Sequence[int], total: int) -> list[float]:
    """What each word tells, its inverse document frequency, when so many of `total` rows hold it."""
    return [math.log(1 + (max(total, count) - count + 0.5) / (count + 0.5)) for count in counts]


def shares(found: Sequence[Ids], weighted: Sequence[float]) -> tuple[Ids, Shares]:
    """Ids of the rows found for each word, and the share of the words' weight that each holds, in [0, 1]."""
    if not found:
        return np.zeros(0, np.int64), np.zeros(0)
    ids, at = np.unique(np.concatenate(found), return_inverse=True)
    held = np.bincount(at, np.repeat(weighted, [len(rows) for rows in found]), len(ids))
    return ids, held / sum(weighted)


def rows_with(db: sqlite3.Connection, table: Table, term: str) -> Ids:
    """Ids of the rows that hold a word."""
    rows = db.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH ?", (quoted(term),))
    return np.fromiter((row for (row,) in rows), np.int64)


def quoted(term: str) -> str:
    """A word as an FTS5 string, so that none is an operator."""
    return '"' + term.replace('"', '""') + '"'
