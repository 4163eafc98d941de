"""Which parts of different files are nearly the same: every pair of vectors is compared, tile by tile.

The comparison is a product of two blocks of vectors, so memory depends on the size of a block and not on how many
pairs match. (A range search in flat FAISS indexes does the same arithmetic, but keeps all matches of a call.) Links
are kept as a forest over all parts, one number each. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch.store import AnyReader, Filter
from mmsearch.types import MODALITIES, Modality

Numbers: TypeAlias = npt.NDArray[np.int64]
Scope: TypeAlias = Literal["all", "within", "across"]

THRESHOLD = 0.95
VISUAL: frozenset[Modality] = frozenset({"image", "document", "video"})
"""Partitions of pictures: a part of one may show the same as a part of another."""
ROWS = 2048
SAMPLE = 512
BACKGROUND = 0.75
"""Quantile of the cosines of arbitrary pairs that counts as not alike at all."""
PRIOR, PRIOR_WEIGHT = 0.4, 16.0
"""Prior for that quantile, and its weight in vectors: few files say little about arbitrary pairs."""
ROUNDING = 5e-4
"""Vectors are stored in half precision: the cosine of equal ones may be lower by this much."""


class Parts:
    """All parts that take part, in the order of the reader's blocks.

    Attributes:
        items, contents: their ids, int64 `(n,)`.
        boxed: bool `(n,)`, whether they are boxes in a picture that takes part itself.
    """

    def __init__(self, reader: AnyReader, where: Filter) -> None:
        self.items = self.contents = np.zeros(0, np.int64)
        self.starts: dict[Modality, int] = {}
        for partition in MODALITIES:
            if partition in reader.counts():
                # Only the ids are kept: the vectors of all blocks may not fit in memory.
                blocks = [(block.items, block.contents) for block in reader.blocks(partition, where)]
                self.starts[partition] = len(self.items)
                self.items = np.concatenate([self.items, *(items for items, _ in blocks)])
                self.contents = np.concatenate([self.contents, *(contents for _, contents in blocks)])
        self.boxed = np.isin(self.items, reader.catalog.boxes())


class Forest:
    """Union-find over numbers from 0, many links at a time."""

    def __init__(self, count: int) -> None:
        self._above: Numbers = np.arange(count)

    def roots(self, nodes: Numbers) -> Numbers:
        """The lowest number that each node is linked with, over any number of links."""
        roots = self._above[nodes]
        while not np.array_equal(roots, parents := self._above[roots]):
            roots = parents
        self._above[nodes] = roots
        return roots

    def link(self, left: Numbers, right: Numbers) -> None:
        """Link pairs of nodes."""
        while True:
            left_roots, right_roots = self.roots(left), self.roots(right)
            apart = left_roots != right_roots
            if not apart.any():
                return
            low, high = np.minimum(left_roots, right_roots)[apart], np.maximum(left_roots, right_roots)[apart]
            np.minimum.at(self._above, high, low)  # of several links of one root the lowest holds; the rest come next


def linked(
    reader: AnyReader, parts: Parts, kinds: npt.NDArray[np.int8], where: Filter, threshold: float, scope: Scope
) -> tuple[Forest, npt.NDArray[np.float32]]:
    """Links between parts of different contents, and for each part how like its nearest one is, in [0, 1].

    Args:
        kinds: by content id, the number of the file's modality.
        threshold: likeness from which parts are linked: 1 is the same vector, 0 that of an arbitrary pair.
        scope: all pairs, those of one modality, or those of two.
    """
    forest, best = Forest(len(parts.items)), np.zeros(len(parts.items), np.float32)
    for first, second in combinations_with_replacement(parts.starts, 2):
        if first != second and not {first, second} <= VISUAL:
            continue
        base = background(reader, first, second)
        cosine = base + threshold * (1 - base) - ROUNDING
        for left, right, cosines in _matches(reader, parts, (first, second), where, cosine):
            left_contents, right_contents = parts.contents[left], parts.contents[right]
            selected = left_contents != right_contents
            if scope != "all":
                selected &= (kinds[left_contents] == kinds[right_contents]) == (scope == "within")
            forest.link(left[selected], right[selected])
            likeness = np.clip((cosines[selected] - base) / (1 - base), 0, 1).astype(np.float32)
            np.maximum.at(best, left[selected], likeness)
            np.maximum.at(best, right[selected], likeness)
    return forest, best


def background(reader: AnyReader, first: Modality, second: Modality) -> float:
    """The cosine below which parts of two partitions are not alike at all: most arbitrary pairs lie below it."""
    left = reader.sample(first, SAMPLE)
    products = left @ (left if first == second else reader.sample(second, SAMPLE)).T
    cosines = products[np.triu_indices(len(left), 1)] if first == second else products.ravel()
    if not len(cosines):
        return PRIOR
    weight = float(min(products.shape))
    quantile = float(np.quantile(cosines, BACKGROUND))
    return min((weight * quantile + PRIOR_WEIGHT * PRIOR) / (weight + PRIOR_WEIGHT), 0.999)


def _matches(
    reader: AnyReader, parts: Parts, pair: tuple[Modality, Modality], where: Filter, cosine: float
) -> Iterator[tuple[Numbers, Numbers, npt.NDArray[np.float32]]]:
    """Numbers of parts whose cosine is high enough, with it, tile by tile; each pair once."""
    first, second = pair
    numbers = ROWS * reader.identity.dim
    top = parts.starts[first]
    for outer in reader.blocks(first, where, numbers):
        side = parts.starts[second]
        for inner in reader.blocks(second, where, numbers):
            if first != second or side >= top:
                products = outer.vectors @ inner.vectors.T
                left, right = np.nonzero(products >= cosine)
                if first == second and side == top:
                    left, right = left[left < right], right[left < right]
                if len(left):
                    yield left + top, right + side, products[left, right]
            side += len(inner.items)
        top += len(outer.items)
