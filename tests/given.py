"""A world whose vectors are given: real files, a real index, and an embedder that looks its queries up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmsearch.scan import digest
from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import (
    MODALITIES,
    WHOLE,
    FileMetadata,
    Item,
    LoaderSettings,
    Modality,
    ModelOptions,
    ModelSpec,
    Query,
    QueryPart,
    Segment,
    Span,
    Vectors,
)


class Part(NamedTuple):
    """A vector of a file, float32 `(dim,)`."""

    partition: Modality
    vector: Vectors
    span: Span = WHOLE


class Given(NamedTuple):
    """A file of the world; files of one `content` have the same bytes."""

    name: str
    modality: Modality
    parts: Sequence[Part]
    content: bytes | None = None
    facts: FileMetadata = FileMetadata()


def one(name: str, modality: Modality, vector: Vectors) -> Given:
    """A file with a single vector."""
    return Given(name, modality, [Part(modality, vector)])


def unit(vectors: Vectors) -> Vectors:
    """Rows `(..., d)` at unit length."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def spec(dim: int) -> ModelSpec:
    return ModelSpec("given", "given-1", dim, frozenset(MODALITIES), LoaderSettings())


class GivenEmbedder:
    """Knows the vector of each text it is asked for."""

    def __init__(self, vectors: Mapping[str, Vectors], dim: int) -> None:
        self.vectors = vectors
        self.spec = spec(dim)
        self.calls = 0

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        raise AssertionError("nothing is to be embedded here")

    def embed_query(self, query: Query) -> Vectors:
        self.calls += 1
        return self.vectors[query.text]


def asking(text: str) -> Query:
    return Query((QueryPart(text),), text)


def make(folder: Path, files: Iterable[Given]) -> Reader:
    """Write the files below `folder` and an index beside them, open."""
    files = list(files)
    dim = len(files[0].parts[0].vector)
    root = folder / "files"
    with Writer.open(str(folder / "index"), Identity.of(ModelOptions("given"), spec(dim))) as writer:
        for given in files:
            path = root / given.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(given.name.encode() if given.content is None else given.content)
            _put(writer, str(path), given)
        writer.commit()
    return Reader.open(str(folder / "index"))


def _put(writer: Writer, path: str, given: Given) -> None:
    key = digest(path)
    items = [
        Item("", key, given.modality, part.partition, at, part.span, f"part {at}" if part.partition == "text" else "")
        for at, part in enumerate(given.parts)
    ]
    vectors = np.stack([part.vector for part in given.parts])
    writer.put_content(key, given.modality, given.modality, given.facts, items, vectors)
    found = os.stat(path)
    writer.put_file(path, found.st_size, found.st_mtime_ns, key, given.modality)
