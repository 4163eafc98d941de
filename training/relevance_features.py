"""Searches of labelled queries in folders drawn from an index, as numbers from which relevance can be computed.

A folder is a part of the index's files. Its passages and names have word tables of their own, so that words weigh in it
what they would weigh in an index of it alone. Fits nothing.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import UsageError
from mmsearch.search import relevance
from mmsearch.search.calibration import LEAST_KNOWN
from mmsearch.search.query import embed_queries
from mmsearch.store import AnyReader, fulltext, word_lookup, word_search
from mmsearch.store.words.query import WordQuery, parse_query
from mmsearch.types import Embedder, Modality, Query, QueryPart, Vectors

BEST = 100
"""Parts of each partition that are candidates: so many by vectors, and so many passages by words."""
MOST_NAMED, MOST_PARTS = 60, 200
"""Files found by their names, and parts of all of them in a partition, the nearest."""
ANSWERED = 0.5
"""Share of a folder that is drawn from the answers of queries; the rest are any files."""
MOST_QUERIES = 150
"""Queries searched in one folder; a third as many of those that nothing answers."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Labelled(NamedTuple):
    """A query with the paths of all files that answer it; none for one that nothing answers."""

    text: str
    relevant: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """The parts of one partition: the file of each, int64 `(n,)`, unit rows float32 `(n, dim)`, and the texts."""

    files: Ints
    vectors: Vectors
    texts: Sequence[str]


@dataclass(frozen=True)
class Library:
    """All files of an index, numbered, and their parts.

    Attributes:
        paths: one a content, the first of its copies.
        numbers: the file at each path, copies included.
        parts: by partition.
    """

    paths: Sequence[str]
    numbers: Mapping[str, int]
    parts: Mapping[Modality, Parts]


@dataclass(frozen=True)
class Asked:
    """Queries with their words, unit vectors float32 `(n, dim)`, and the share of its words that the model knows."""

    queries: Sequence[Labelled]
    words: Sequence[WordQuery]
    vectors: Vectors
    known: Sequence[float]


class Rows(NamedTuple):
    """Candidates of one query or of several, `(n,)` each.

    Attributes:
        hit: int64, the number of the hit that a part is of.
        partition: int64, the number of its partition in the order of `Library.parts`.
        cosine, known: of the query's vector, and how far the model knows its words.
        log_files, log_others, log_parts: what the prior counts, as natural logarithms; parts of pictures as one.
        score, total: BM25 of a passage, and the weight of all words.
        holds: bool, the passage holds the words.
        lacks: bool, it does not, and others do.
        name: the evidence of the name.
    """

    hit: Ints
    partition: Ints
    cosine: Floats
    known: Floats
    log_files: Floats
    log_others: Floats
    log_parts: Floats
    score: Floats
    total: Floats
    holds: NDArray[np.bool_]
    lacks: NDArray[np.bool_]
    name: Floats


@dataclass(frozen=True)
class Searched:
    """The candidates of one query in one folder of so many files, and which hits are right, bool `(hits,)`."""

    query: int
    size: int
    rows: Rows
    right: NDArray[np.bool_]


def read_labels(path: Path) -> list[Labelled]:
    """The queries of a JSON lines file; relative paths start from its folder. Raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return [_label(line, f"{path}:{number}", path.parent) for number, line in enumerate(lines, 1) if line.strip()]


def _label(line: str, location: str, folder: Path) -> Labelled:
    form = '{"query": "red car", "relevant": ["cars/1.jpg"]}'
    problem = UsageError(f"{location}: write one object a line, such as {form}")
    try:
        row = json.loads(line)
    except ValueError:
        raise problem from None
    if not isinstance(row, dict) or not isinstance(row.get("query"), str) or not isinstance(row.get("relevant"), list):
        raise problem
    return Labelled(row["query"], tuple(os.path.abspath(folder / str(name)) for name in row["relevant"]))


def read_library(reader: AnyReader) -> Library:
    """All files of an open index with their vectors and texts, in memory."""
    numbers: dict[str, int] = {}
    paths: list[str] = []
    parts: dict[Modality, Parts] = {}
    for partition, count in reader.counts().items():
        files, rows, texts = [], [], []
        for block in reader.blocks(partition) if count else ():
            located = reader.locate(block.items.tolist())
            for item, vector in zip(block.items.tolist(), block.vectors, strict=True):
                if not located[item]:
                    continue
                first = located[item][0].item
                if first.path not in numbers:
                    paths.append(first.path)
                    numbers.update(dict.fromkeys((place.item.path for place in located[item]), len(paths) - 1))
                files.append(numbers[first.path])
                rows.append(vector)
                texts.append(first.text)
        if rows:
            parts[partition] = Parts(np.array(files, np.int64), np.stack(rows), texts)
    return Library(paths, numbers, parts)


def ask(embedder: Embedder, queries: Sequence[Labelled]) -> Asked:
    """The vectors and words of queries."""
    vectors = embed_queries(embedder, [Query((QueryPart(query.text),), query.text) for query in queries])
    share = getattr(embedder, "known_share", None)
    known = [1.0 if share is None else max(LEAST_KNOWN, share(query.text)) for query in queries]
    return Asked(queries, [parse_query(query.text) for query in queries], np.stack(vectors), known)


class Folder:
    """Some files of a library, bool `(files,)`, as if they were an index of their own."""

    def __init__(self, library: Library, inside: NDArray[np.bool_]) -> None:
        self.library, self.inside = library, inside
        self.size = int(inside.sum())
        self.places = {name: np.flatnonzero(inside[parts.files]) for name, parts in library.parts.items()}
        self.counts = {
            name: np.bincount(parts.files[self.places[name]], minlength=len(inside))
            for name, parts in library.parts.items()
        }
        self.files = {name: int(np.count_nonzero(counts)) for name, counts in self.counts.items()}
        self._words = self._word_tables()

    def _word_tables(self) -> sqlite3.Connection:
        """Tables of words over the folder alone; ids of passages are places in their partition, of names files."""
        db = sqlite3.connect(":memory:")
        db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, partition TEXT, text TEXT)")
        db.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, path BLOB, status TEXT)")
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        if "text" in self.places:
            texts = self.library.parts["text"].texts
            rows = ((place, texts[place]) for place in self.places["text"].tolist())
            db.executemany("INSERT INTO items VALUES (?, 'text', ?)", rows)
        top = os.path.commonpath([os.path.dirname(path) for path in self.library.paths])
        paths = ((file, self.library.paths[file]) for file in np.flatnonzero(self.inside).tolist())
        names = ((file, os.fsencode(os.path.relpath(path, top))) for file, path in paths)
        db.executemany("INSERT INTO files VALUES (?, ?, 'ok')", names)
        fulltext.create(db)
        db.commit()  # FTS5 counts its rows then
        return db

    def passages(self, query: WordQuery) -> tuple[float, dict[int, word_search.WordMatch]]:
        """The weight of all words, and the passages that hold enough of them, the best by BM25, by place."""
        weighted = word_search.weigh([self._words], "passages", query.terms)
        (holding,) = word_search.find_passages([self._words], weighted) if query.terms else ({},)
        best = sorted(holding, key=lambda place: (-holding[place].score, place))[:BEST]
        return weighted.total, {place: holding[place] for place in best}

    def names(self, query: WordQuery) -> dict[int, float]:
        """The evidence of names that hold words; a name that is the query needs none and is infinite."""
        if not query.terms:
            return {}
        total, rows = word_lookup.named_rows([self._words], query)
        evidence = {}
        for row in islice(rows, MOST_NAMED):
            match = word_lookup.name_match(self.library.paths[row.file], (), row, total, query)
            evidence[row.file] = math.inf if match.exact else relevance.of_name(match)
        return evidence


def draw_folder(library: Library, asked: Asked, size: int, draw: np.random.Generator) -> Folder:
    """A folder of about `size` files, some of them answers; how many are of which kind differs from draw to draw."""
    inside = np.zeros(len(library.paths), np.bool_)
    if size >= len(inside):
        return Folder(library, ~inside)
    for query in draw.permutation(len(asked.queries)):
        if inside.sum() >= ANSWERED * size:
            break
        inside[answers(library, asked.queries[query])] = True
    weights = np.zeros(len(inside))
    for parts in library.parts.values():
        files = np.unique(parts.files)
        weights[files] = np.maximum(weights[files], draw.uniform(0.1, 1.0) / len(files))
    weights[inside] = 0.0
    more = min(max(0, size - int(inside.sum())), int(np.count_nonzero(weights)))
    if more:
        inside[draw.choice(len(inside), more, replace=False, p=weights / weights.sum())] = True
    return Folder(library, inside)


def answers(library: Library, query: Labelled) -> list[int]:
    """The files that answer a query, those that are in the index."""
    return sorted({library.numbers[path] for path in query.relevant if path in library.numbers})


def search_folder(folder: Folder, asked: Asked, draw: np.random.Generator) -> Iterator[Searched]:
    """A sample of the queries that a file of the folder answers, and of those that nothing answers."""
    queries = enumerate(asked.queries)
    right = {number: answers(folder.library, query) for number, query in queries}
    answered = [number for number, files in right.items() if folder.inside[files].any()]
    unanswered = [number for number, query in enumerate(asked.queries) if not query.relevant]
    for numbers, most in ((answered, MOST_QUERIES), (unanswered, MOST_QUERIES // 3)):
        for number in sorted(draw.permutation(numbers)[:most].astype(int).tolist()):
            rows, files = _candidates(folder, asked, number)
            yield Searched(number, folder.size, rows, np.isin(files, right[number]))


def join(tables: Sequence[Rows]) -> Rows:
    """Several tables as one; the numbers of hits stay as they are."""
    return Rows(*(np.concatenate(column) for column in zip(*tables, strict=True)))


def _candidates(folder: Folder, asked: Asked, number: int) -> tuple[Rows, Ints]:
    """The candidates of one query, and the files of its hits; without files whose name is the query."""
    total, passages = folder.passages(asked.words[number])
    names = folder.names(asked.words[number])
    tables: list[Rows] = []
    for index, (partition, parts) in enumerate(folder.library.parts.items()):
        places, holding = folder.places[partition], passages if partition == "text" else {}
        cosines = parts.vectors[places] @ asked.vectors[number]
        chosen = _chosen(parts.files[places], places, cosines, holding, names)
        files, matches = parts.files[places[chosen]], [holding.get(place) for place in places[chosen].tolist()]
        holds = np.array([match is not None for match in matches], np.bool_)
        count = max(1, folder.files[partition])
        # As in a search, parts of a picture are no chances to be near a query by accident.
        chances = np.ones(len(files)) if partition == "image" else folder.counts[partition][files]

        def filled(value: float, rows: int = len(chosen)) -> Floats:
            return np.full(rows, value, np.float32)

        tables.append(
            Rows(
                hit=files,
                partition=np.full(len(chosen), index),
                cosine=cosines[chosen],
                known=filled(asked.known[number]),
                log_files=filled(math.log(count)),
                log_others=filled(math.log1p((folder.size - count) / count)),
                log_parts=np.log(chances).astype(np.float32),
                score=np.array([match.score if match else 0.0 for match in matches], np.float32),
                total=filled(total),
                holds=holds,
                lacks=~holds & bool(holding),
                name=np.array([names.get(file, 0.0) for file in files.tolist()], np.float32),
            )
        )
    rows = join(tables)
    files, hits = np.unique(rows.hit, return_inverse=True)
    return rows._replace(hit=hits.astype(np.int64)), files


def _chosen(
    files: Ints, places: Ints, cosines: Vectors, holding: Mapping[int, object], names: Mapping[int, float]
) -> Ints:
    """Which parts are candidates: the nearest, those that hold the words, and the nearest of files named so."""
    nearest = np.argsort(-cosines, kind="stable")
    named = nearest[np.isin(files[nearest], list(names))][:MOST_PARTS]
    chosen = np.unique(np.concatenate([nearest[:BEST], np.searchsorted(places, sorted(holding)).astype(int), named]))
    exact = [file for file, evidence in names.items() if evidence == math.inf]
    return chosen[~np.isin(files[chosen], exact)]
