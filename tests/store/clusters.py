"""Larger indexes for tests of accelerators: vectors in clusters, seen by queries of another kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmsearch.store import EVERYTHING, Filter, OptimizeRequest, Reader
from mmsearch.store.records import Kind
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Vectors
from tests.store.helpers import IDENTITY

DIM = 64
CLUSTERS = 60
CLUSTERED = replace(IDENTITY, dim=DIM)
SMALL = OptimizeRequest(flat_bytes=1000 * DIM * 2, least=500)
"""Thousands of vectors count as many."""


def units(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def draw(modality: Modality, count: int, seed: int) -> tuple[Vectors, Vectors]:
    """Float32 `(count, DIM)`, and the cluster of each; a modality has an offset of its own."""
    fixed = np.random.default_rng(1)
    centres = fixed.standard_normal((CLUSTERS, DIM))
    offsets = fixed.standard_normal((2, DIM))
    random = np.random.default_rng(seed)
    clusters = random.integers(0, CLUSTERS, count)
    rows = centres[clusters] + 0.7 * random.standard_normal((count, DIM)) + offsets[int(modality == "text")]
    return units(np.asarray(rows, np.float32)), clusters


def add(writer: Writer, first: int, rows: Vectors, clusters: Sequence[int], modality: Modality = "image") -> None:
    """Commit a file for each row, as large in bytes as the number of its cluster."""
    for number, (row, cluster) in enumerate(zip(rows, clusters, strict=True), first):
        name = f"{modality}{number}"
        writer.put_content(name, modality, modality, FileMetadata(), [Item("", name, modality, modality)], row[None])
        writer.put_file(f"/data/{number:06}.{modality}", int(cluster), 1, name, modality)
    writer.commit()


def make(directory: str | Path, count: int = 3000, texts: int = 200) -> str:
    """An index of pictures, with some texts."""
    directory = os.fspath(directory)
    with Writer.open(directory, CLUSTERED) as writer:
        for start in range(0, count, 1000):
            rows, clusters = draw("image", min(1000, count - start), start)
            add(writer, start, rows, clusters.tolist())
        rows, clusters = draw("text", texts, 7)
        add(writer, 0, rows, clusters.tolist(), "text")
    return directory


def optimize(directory: str, kind: Kind | None = None, dim: int | None = None) -> None:
    with Writer.open(directory, CLUSTERED) as writer:
        writer.optimize(replace(SMALL, kind=kind, dim=dim), lambda *_: None)


def questions(count: int = 40) -> Vectors:
    return draw("text", count, 99)[0]


def exact(reader: Reader, queries: Vectors, where: Filter = EVERYTHING) -> list[list[tuple[float, int]]]:
    """Every picture that may answer, with its score, best first, by comparing all vectors."""
    blocks = list(reader.blocks("image", where))
    items = np.concatenate([block.items for block in blocks])
    products = queries @ np.concatenate([block.vectors for block in blocks]).T
    return [sorted(zip((-row).tolist(), items.tolist(), strict=True)) for row in products]


def recall(reader: Reader, k: int, where: Filter = EVERYTHING) -> float:
    """Share of the true best `k` that searches find; each search gives as many as there are."""
    queries, shares = questions(), []
    for query, truth in zip(queries, exact(reader, queries, where), strict=True):
        best = {item for _, item in truth[:k]}
        items = {item for item, _ in reader.search(query, "image", k, where)}
        assert len(items) == len(best)
        assert items <= {item for _, item in truth}, "something is found that may not answer"
        shares.append(len(items & best) / max(1, len(best)))
    return float(np.mean(shares))
