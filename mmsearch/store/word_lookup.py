"""What a search by words is about: files that may answer, and files by their names.

Knows the tables of words and files of one snapshot or several; nothing about vectors and ranking.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import field, replace
from typing import NamedTuple

from mmsearch.store import word_search
from mmsearch.store.database import batches, placeholders
from mmsearch.store.paths import PathCodec
from mmsearch.store.records import Filter
from mmsearch.store.words import fold, spans, tokens
from mmsearch.store.words.query import Term, WordQuery
from mmsearch.store.words.tokens import name_key, own_name
from mmsearch.system.plain_data import dataclass

MOST_NAMES = 512
"""Files that are found by their names, at most."""
_LONGEST_PATH = 4096
"""Characters of a path that somebody may type."""


@dataclass(frozen=True, eq=False)
class Gate:
    """The files that may answer a query with phrases or exclusions.

    Attributes:
        paths: absolute, of the files that hold every phrase; None if the query has no phrase.
        excluded: absolute, of the files that hold something that the query excludes.
    """

    paths: frozenset[str] | None
    excluded: frozenset[str]
    _filters: dict[Filter, Filter] = field(default_factory=dict, repr=False)

    def allows(self, path: str) -> bool:
        """True if the file may answer."""
        return (self.paths is None or path in self.paths) and path not in self.excluded

    def within(self, where: Filter) -> Filter:
        """The filter that passes those files that also pass another one; the same object for the same filter."""
        if where not in self._filters:
            accept = where.accept
            both = self.allows if accept is None else lambda path: self.allows(path) and accept(path)
            self._filters[where] = replace(where, accept=both)
        return self._filters[where]


class NameMatch(NamedTuple):
    """A file whose path holds words of a query.

    Attributes:
        path: absolute.
        items: ids of its items.
        covered: the sum of the weights, over names, of the terms that its path holds.
        total: the sum of the weights of all terms.
        exact: the query is its name, with or without the suffix, or a path that leads to it.
        precision: the share of the words of its own name, without suffix and folders, that the query says, in [0, 1].
    """

    path: str
    items: tuple[int, ...]
    covered: float
    total: float
    exact: bool
    precision: float


class NamedRow(NamedTuple):
    """A file by the number of its index and its id there, with the weight that it covers, and what it may be."""

    shard: int
    file: int
    covered: float
    may_be_exact: bool


def holders(db: sqlite3.Connection, codec: PathCodec, term: Term) -> dict[str, int]:
    """The present files that hold a term in a passage or in their names, and their times in nanoseconds."""
    rows = db.execute(
        "SELECT path, mtime_ns FROM files WHERE missing = 0 AND content_id IN (SELECT content_id FROM items WHERE id IN"
        " (SELECT rowid FROM passages WHERE passages MATCH ?))"
        " UNION SELECT path, mtime_ns FROM files WHERE missing = 0 AND status = 'ok' AND id IN"
        " (SELECT rowid FROM names WHERE names MATCH ?)",
        (term.match, term.match),
    )
    return {codec.decode(path): mtime_ns for path, mtime_ns in rows}


def named_rows(dbs: Sequence[sqlite3.Connection], query: WordQuery) -> tuple[float, list[NamedRow]]:
    """The weight of all terms over names, and the files whose paths hold enough of them or are exact, best first."""
    weighted = word_search.weigh(dbs, "names", query.terms)
    rows: list[tuple[tuple[bool, float, int], NamedRow]] = []
    for shard, (db, counts) in enumerate(zip(dbs, weighted.counts, strict=True)):
        selection = word_search.Selection(db, "names", counts, weighted.weights, scored=False)
        covered = dict(zip(selection.ids.tolist(), selection.covered.tolist(), strict=True))
        exact: set[int] = set()
        for key in name_keys(query):
            match = "SELECT rowid FROM names WHERE names MATCH ? LIMIT ?"
            exact.update(row for (row,) in db.execute(match, (key, MOST_NAMES)))
        lengths = _lengths(db, list(covered)) if len(covered) > MOST_NAMES else {}
        for file in {*covered, *exact}:
            row = NamedRow(shard, file, covered.get(file, 0.0), file in exact)
            rows.append(((not row.may_be_exact, -row.covered, lengths.get(file, 0)), row))
    return weighted.total, [row for _, row in sorted(rows)]


def _lengths(db: sqlite3.Connection, files: Sequence[int]) -> dict[int, int]:
    """Characters of the stored paths of some files: of many with the same words, the shortest are meant first."""
    lengths: dict[int, int] = {}
    for batch in batches(files):
        lengths.update(db.execute(f"SELECT id, length(path) FROM files WHERE id IN ({placeholders(batch)})", batch))
    return lengths


def name_match(path: str, items: Sequence[int], row: NamedRow, total: float, query: WordQuery) -> NameMatch:
    """A file that was found by its name."""
    exact = row.may_be_exact and is_exact_name(path, query)
    covered = total if exact else row.covered
    return NameMatch(path, tuple(items), covered, total, exact, 1.0 if exact else name_precision(path, query))


# --- names against a query ---


def name_keys(query: WordQuery) -> list[str]:
    """The FTS5 strings of names that the query may say exactly; none for a query that cannot be one."""
    text = query.plain.strip()
    if not text or len(text) > _LONGEST_PATH:
        return []
    found = [name_key(text), name_key(_path_parts(text)[-1]) if _path_parts(text) else ""]
    return [f'"{key}"' for key in dict.fromkeys(found) if len(key) > 1]


def is_exact_name(path: str, query: WordQuery) -> bool:
    """True if the query is the name of a file, with or without its suffix, or a path that leads to it.

    A path may be absolute, relative to the working directory, or the end of an absolute one.
    """
    text = query.plain.strip()
    if not text or len(text) > _LONGEST_PATH:
        return False
    parts = _path_parts(path)
    if "/" not in text and "\\" not in text:
        return _same_name(name_key(text), parts[-1:])
    if text.startswith(("/", "~", ".", "\\")) and "://" not in text:
        typed = _path_parts(os.path.abspath(os.path.expanduser(text.replace("\\", "/"))))
        return len(typed) == len(parts) and _ends_with(parts, typed)
    return _ends_with(parts, _path_parts(text))


def name_precision(path: str, query: WordQuery) -> float:
    """The share of the words of a file's own name, without suffix and folders, that the query says, in [0, 1]."""
    name = own_name("/".join(_path_parts(path)))
    if name.isascii() and not any(beginning in name.lower() for beginning in query.beginnings):
        return 0.0  # folders alone hold the words, as for most files of a large folder
    matched = [(match.start, match.end) for match in spans.find(name, query.terms)]
    words = _word_ranges(name)
    if not words:
        return 0.0
    return sum(_covered(word, matched) for word in words) / len(words)


def _word_ranges(name: str) -> list[tuple[int, int]]:
    """The ranges of the pieces of a name."""
    spaced, ranges = spans.aligned(name)
    found = []
    position = 0
    for word in spaced.split():
        position = spaced.index(word, position)
        for group in tokens.cut(word):
            for piece in group:
                start, end = position + piece.start, position + piece.end
                found.append((start, end) if ranges is None else (ranges[start][0], ranges[end - 1][1]))
        position += len(word)
    return found


def _covered(word: tuple[int, int], matched: list[tuple[int, int]]) -> float:
    """The share of a range that others cover."""
    start, end = word
    positions = {position for first, last in matched for position in range(max(first, start), min(last, end))}
    return len(positions) / (end - start)


def _path_parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _ends_with(parts: list[str], typed: list[str]) -> bool:
    if not typed or len(typed) > len(parts) or not _same_name(name_key(typed[-1]), parts[-1:]):
        return False
    folders = parts[-len(typed) : -1]
    return list(map(fold.fold, folders)) == list(map(fold.fold, typed[:-1]))


def _same_name(key: str, last: list[str]) -> bool:
    return bool(last) and len(key) > 1 and key in (name_key(last[0]), name_key(own_name(last[0])))
