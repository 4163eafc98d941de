"""Hits that are nearly the same become one: copies, and what the model can hardly tell apart. Knows no queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mmsearch.search.candidates import Candidate
from mmsearch.types import Hit, Vectors

ALIKE = 0.98
"""Cosine of two things of one kind above which the second tells nothing new: copies at another size or quality."""


def fold_near_duplicates(hits: Sequence[Hit], vectors: Mapping[int, Vectors], places: Sequence[Candidate]) -> list[Hit]:
    """The hits without those that are nearly the same as an earlier one, which lists their paths.

    Args:
        hits: best first.
        vectors: by id of the item, float32 `(dim,)`, unit length.
        places: where each hit came from.
    """
    kept: list[tuple[Hit, Vectors, list[str]]] = []
    for hit, place in zip(hits, places, strict=True):
        vector = vectors[place.place.item_id]
        like = next((one for one in kept if _alike(one[0], one[1], hit, vector)), None)
        if like is None:
            kept.append((hit, vector, []))
        elif hit.item.path != like[0].item.path and hit.item.path not in like[2]:
            like[2].append(hit.item.path)
    return [replace(hit, duplicates=tuple(paths)) for hit, _, paths in kept]


def _alike(first: Hit, vector: Vectors, second: Hit, other: Vectors) -> bool:
    same_part = (first.item.digest, first.item.ordinal) == (second.item.digest, second.item.ordinal)
    return same_part or (first.item.partition == second.item.partition and float(vector @ other) >= ALIKE)
