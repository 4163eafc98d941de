"""A small world for the store's tests: contents named by digest, each with vectors that follow from its name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import MODALITIES, FileMetadata, Item, LoaderSettings, Modality, ModelOptions, Span, Vectors

DIM = 16
IDENTITY = Identity(ModelOptions(), "fingerprint-1", DIM, frozenset(MODALITIES), LoaderSettings())


def unit(*names: object) -> Vectors:
    """Float32 `(DIM,)`, unit length, the same for the same names."""
    seed = int.from_bytes(hashlib.blake2b(repr(names).encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return np.divide(vector, np.linalg.norm(vector), dtype=np.float32)


def parts(digest: str, modality: Modality = "image") -> list[Item]:
    """One part in the partition of the modality and one of text."""
    return [
        Item("", digest, modality, modality, 0),
        Item("", digest, modality, "text", 1, Span("line", 1, 3), f"text of {digest}"),
    ]


def vectors_of(digest: str, items: list[Item]) -> Vectors:
    return np.stack([unit(digest, item.ordinal) for item in items])


def put(writer: Writer, path: str, digest: str, *, modality: Modality = "image", mtime_ns: int = 1) -> None:
    """Stage a file as an index run does: its content only when it is new."""
    if not writer.has_content(digest, modality):
        items = parts(digest, modality)
        writer.put_content(digest, modality, modality, FileMetadata(), items, vectors_of(digest, items))
    writer.put_file(path, len(digest), mtime_ns, digest, modality)


def make(directory: str | Path, *names: str) -> str:
    """An index of files `/data/<name>`, each with a content of its own name."""
    directory = os.fspath(directory)
    with Writer.open(directory, IDENTITY) as writer:
        for name in names:
            put(writer, f"/data/{name}", name)
        writer.commit()
    return directory


def found_paths(reader: Reader, digest: str, *, partition: Modality = "image", k: int = 3) -> list[str]:
    """Paths of the best hit for a content's own vector, when it is that content."""
    hits = reader.search(unit(digest, 0 if partition != "text" else 1), partition, k)
    if not hits or hits[0][1] < 0.99:
        return []
    return [located.item.path for located in reader.locate([hits[0][0]])[hits[0][0]]]


def vector_files(directory: str) -> set[str]:
    """Names below the vectors folder."""
    root = Path(directory, "vectors")
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def staged(writer: Writer) -> int:
    """Vectors that wait for a commit."""
    return sum(len(content.items) for content in writer._contents.values())
