"""What an index holds, as a value: the same for two indexes that answer alike, however their files are cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmsearch.errors import IndexMissing
from mmsearch.store import Reader
from mmsearch.store.faiss_files import SegmentFile, segment_path
from mmsearch.store.words.query import parse_query
from mmsearch.types import MODALITIES, Vectors

Key = tuple[str, str]
ALL = 10_000
NEARLY = 2e-3
"""How far numbers of a vector may lie apart: they are kept as float16, and the batch moves the last bit."""


@dataclass(frozen=True)
class Content:
    """The parts of a content with their places, and their vectors, float32 `(n, dim)`, in the same order."""

    facts: tuple[Any, ...]
    items: tuple[tuple[Any, ...], ...]
    vectors: Vectors

    def of(self, partition: str) -> list[Vectors]:
        """The vectors of its parts that lie in a partition."""
        return [vector for item, vector in zip(self.items, self.vectors, strict=True) if item[1] == partition]

    def same(self, other: Content) -> bool:
        return (self.facts, self.items) == (other.facts, other.items) and bool(
            np.allclose(self.vectors, other.vectors, atol=NEARLY)
        )


@dataclass(frozen=True)
class State:
    """All that a search can see. A file is `(size, mtime_ns, status, reason, key of its content, missing)`."""

    identity: str
    roots: tuple[str, ...]
    files: dict[str, tuple[Any, ...]]
    contents: dict[Key, Content]

    def same(self, other: State) -> bool:
        return not list(self.differences(other))

    def differences(self, other: State) -> Iterator[str]:
        """How `other` differs, one line each."""
        if self.identity != other.identity:
            yield "another model"
        if self.roots != other.roots:
            yield f"roots {other.roots}, not {self.roots}"
        for path in sorted(self.files.keys() | other.files.keys()):
            if self.files.get(path) != other.files.get(path):
                yield f"{path} is {other.files.get(path)}, not {self.files.get(path)}"
        for key in sorted(self.contents.keys() | other.contents.keys()):
            mine, theirs = self.contents.get(key), other.contents.get(key)
            if mine is None or theirs is None or not mine.same(theirs):
                yield f"content {key[0][:8]} differs"


EMPTY = State("", (), {}, {})
"""No index, or one without tables."""


def read(directory: str) -> State:
    """What the index in a directory holds now."""
    try:
        with Reader.open(directory) as reader:
            return _read(reader)
    except IndexMissing:
        return EMPTY


def _read(reader: Reader) -> State:
    records = {}
    for (stored,) in reader.catalog.db.execute("SELECT path FROM files").fetchall():
        record = reader.file(reader.catalog.codec.decode(stored))
        assert record is not None
        key = (record.digest, record.kind) if record.digest and record.kind else None
        records[record.path] = (record.size, record.mtime_ns, record.status, record.reason, key, record.missing)
    return State(reader.identity.to_json(), reader.status().roots, records, _contents(reader))


def _contents(reader: Reader) -> dict[Key, Content]:
    db, dim = reader.catalog.db, reader.identity.dim
    vectors = {
        number: np.concatenate(
            list(SegmentFile(segment_path(reader.directory, name), dim, count).read(np.arange(count)))
        )
        for number, name, count in db.execute("SELECT id, name, count FROM segments").fetchall()
    }
    contents = {}
    query = "SELECT id, digest, kind, modality, width, height, duration, taken FROM contents"
    for number, digest, kind, *facts in db.execute(query).fetchall():
        rows = db.execute(
            "SELECT segment_id, row, ordinal, partition, span_unit, span_start, span_end, text FROM items"
            " WHERE content_id = ? ORDER BY ordinal",
            (number,),
        ).fetchall()
        found = np.stack([vectors[segment][row] for segment, row, *_ in rows])
        contents[digest, kind] = Content(tuple(facts), tuple(tuple(row[2:]) for row in rows), found)
    return contents


def wrong_answers(directory: str, state: State) -> Iterator[str]:
    """Search the index, and tell each partition whose answers are not those that its own vectors give."""
    if state == EMPTY:
        return
    live = {path: state.contents[file[4]] for path, file in state.files.items() if file[4] and not file[5]}
    contents = {file[4]: live[path] for path, file in state.files.items() if path in live}
    with Reader.open(directory) as reader:
        query = np.random.default_rng(5).standard_normal(reader.identity.dim).astype(np.float32)
        query /= np.linalg.norm(query)
        for partition in MODALITIES:
            expected = sorted(float(vector @ query) for one in contents.values() for vector in one.of(partition))
            hits = reader.search(query, partition, ALL)
            scores = sorted(score for _, score in hits)
            if len(scores) != len(expected) or not np.allclose(scores, expected, atol=NEARLY):
                yield f"{partition}: {len(hits)} hits, not {len(expected)}, or with other scores"
            places = reader.locate([item for item, _ in hits]).values()
            told = {located.item.path for found in places for located in found}
            if told != {path for path, content in live.items() if content.of(partition)}:
                yield f"{partition}: other files than those with such a part"
        if reader.has_words:
            named = {match.path for match in reader.search_names(parse_query("note"))}
            if named != {path for path in live if "note" in path}:
                yield "names are not found by their words"
