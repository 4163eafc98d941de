"""Exact search over every stored vector, in full or cut to its first dimensions: the reference for faster searches.

Knows a reader's interface; nothing of questions, metrics or ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmsearch.store import EVERYTHING, AnyReader, Filter, Located
from mmsearch.store.faiss_files import Rows
from mmsearch.store.records import Part
from mmsearch.types import Modality, Vectors


class _Part(NamedTuple):
    items: Rows
    vectors: Vectors


def cut(vectors: Vectors, dim: int) -> Vectors:
    """The first `dim` numbers of vectors `(..., d)`, at unit length again; a row of zeros stays one."""
    head = vectors[..., :dim]
    length = np.linalg.norm(head, axis=-1, keepdims=True)
    return np.asarray(np.divide(head, length, out=np.zeros_like(head), where=length > 0))


class ExactReader:
    """The reader methods that a searcher calls, answered from all vectors in memory: float32 `(n, dim)` a partition."""

    def __init__(self, reader: AnyReader, dim: int) -> None:
        self._reader = reader
        self._dim = dim
        self._parts: dict[Modality, _Part] = {}

    def open_files(self, where: Filter = EVERYTHING) -> None:
        """All answers are of the reader's snapshot anyway."""
        self._reader.open_files(where)

    def counts(self) -> dict[Modality, int]:
        """Live items by partition."""
        return self._reader.counts()

    def modalities_in(self, partition: Modality) -> set[Modality]:
        """The modalities of all files that may have parts in a partition."""
        return self._reader.modalities_in(partition)

    def file_counts(self) -> dict[Modality, int]:
        """Contents by modality."""
        return self._reader.file_counts()

    def parts(self, item_ids: Sequence[int]) -> dict[int, Part]:
        """What each item is, wherever files hold it."""
        return self._reader.parts(item_ids)

    def may_read(self, path: str) -> bool:
        """Whether the content of a file may be opened."""
        return self._reader.may_read(path)

    def sample(self, partition: Modality, limit: int = 1024) -> Vectors:
        """As the reader's own sample, cut."""
        return cut(self._reader.sample(partition, limit), self._dim)

    def locate(self, item_ids: Sequence[int], where: Filter = EVERYTHING) -> dict[int, list[Located]]:
        """Where items are."""
        return self._reader.locate(item_ids, where)

    def scores(self, vector: Vectors, item_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of a vector, float32 `(dim,)`, with each of some items; items that are gone are left out."""
        return {item: float(cut(row, self._dim) @ vector) for item, row in self._reader.vectors_of(item_ids).items()}

    def search(
        self, vector: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING
    ) -> list[tuple[int, float]]:
        """The nearest items to a vector `(dim,)`, best first, equal ones by id."""
        if where != EVERYTHING:
            raise ValueError("exact search knows no filters")
        items, vectors = self._part(partition)
        scores = vectors @ vector
        best = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
        return sorted(
            ((int(items[position]), float(scores[position])) for position in best), key=lambda hit: (-hit[1], hit[0])
        )

    def search_all(
        self, matrix: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING
    ) -> list[list[tuple[int, float]]]:
        """The nearest items to each of several vectors `(m, dim)`."""
        return [self.search(vector, partition, k, where) for vector in matrix]

    def _part(self, partition: Modality) -> _Part:
        if partition not in self._parts:
            blocks = list(self._reader.blocks(partition))
            items = [block.items for block in blocks] or [np.zeros(0, np.int64)]
            vectors = [cut(block.vectors, self._dim) for block in blocks] or [np.zeros((0, self._dim), np.float32)]
            self._parts[partition] = _Part(np.concatenate(items), np.concatenate(vectors))
        return self._parts[partition]
