"""Decoded content for the model tests: pictures, clips and sounds from seeds, and segments around them."""

from __future__ import annotations

import numpy as np

from mmsearch.types import Audio, Clip, Content, Item, Modality, Picture, Query, QueryPart, Segment

TEXTS = ["red car", "a dog on the beach at sunset, seen from the road with the sea behind", "cat", "invoice no 7"]


def picture(seed: int, height: int = 40, width: int = 60) -> Picture:
    """Coarse coloured tiles: unlike noise, they survive being resized."""
    tiles = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    rows = np.arange(height) * 4 // height
    columns = np.arange(width) * 5 // width
    return np.ascontiguousarray(tiles[rows][:, columns])


PICTURES = [picture(1), picture(2, 120, 50), picture(3, 33, 200), picture(4, 8, 8), picture(5, 90, 90)]


def clip(seed: int, frames: int = 5) -> Clip:
    return Clip(
        np.stack([picture(seed * 100 + frame) for frame in range(frames)]), np.arange(frames, dtype=np.float64) * 1.5
    )


def tone(hertz: float, rate: int, seconds: float = 2.0) -> Audio:
    time = np.arange(int(rate * seconds)) / rate
    return Audio(np.sin(2 * np.pi * hertz * time).astype(np.float32) * 0.5, rate)


def segment(content: Content, partition: Modality, path: str = "file") -> Segment:
    return Segment(Item(path, "0" * 32, partition, partition), content)


def texts(*words: str) -> list[Segment]:
    return [segment(word, "text") for word in words]


def pictures(*given: Picture) -> list[Segment]:
    return [segment(picture, "image") for picture in given]


def query(*contents: Content, weights: tuple[float, ...] = ()) -> Query:
    given = weights or (1.0,) * len(contents)
    return Query(tuple(QueryPart(content, weight) for content, weight in zip(contents, given, strict=True)))


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Row by row, float64 `(n,)`."""
    rows, others = np.atleast_2d(left).astype(np.float64), np.atleast_2d(right).astype(np.float64)
    lengths: np.ndarray = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    likeness: np.ndarray = (rows * others).sum(1) / lengths
    return likeness
