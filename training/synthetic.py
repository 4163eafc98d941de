"""Makes the rendered set: captioned pictures from a seed, packed as any other set.

Real pictures, where a packed set of them is at hand, are built into contact sheets and set behind error dialogs; only
those of the train split are used.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import pictures
from training.pictures import Packed, Row
from training.render import puzzles
from training.render.kinds import FAMILIES, FLAT, SIZE, RealParts, render

PUZZLES = "puzzles"
_MOST_REAL = 600
RENDERED = tuple(FAMILIES)
"""The names of the rendered sets."""


def real_parts(packed: Packed, seed: int) -> RealParts:
    """A sample of the train split's photographs and screenshots."""
    rng = random.Random(seed)
    shots = [i for i in packed.indices("train") if packed.rows[i].source.startswith("ms_")]
    photos = [i for i in packed.indices("train") if packed.rows[i].source in ("tinyin", "intel", "houses", "vicap")]

    def take(indices: list[int]) -> list[Image.Image]:
        return [Image.fromarray(packed.pixels[i]) for i in rng.sample(indices, min(_MOST_REAL, len(indices)))]

    return RealParts(take(photos), take(shots))


def pack_rendered(
    folder: Path, count: int, held_out: int, seed: int, real: RealParts | None = None, family: str = FLAT
) -> int:
    """Render `count` pictures of a family for training and `held_out` for validation; returns how many there are."""
    rows: list[Row] = []
    wanted = pictures.seeds(count, held_out, seed)

    def draw() -> Iterator[NDArray[np.uint8]]:
        for number, split in wanted:
            drawn = render(number, real if split == "train" else None, family)
            rows.append(Row(family, drawn.texts, split, drawn.group))
            yield pictures.squash(drawn.image)

    pictures.write(folder, family, draw(), rows, len(wanted))
    return len(rows)


def pack_puzzles(folder: Path, count: int, held_out: int, seed: int) -> int:
    """Render puzzles for the reranker, their pictures side by side; a row's group is its puzzle.

    Returns the pictures.
    """
    rows: list[Row] = []
    wanted = pictures.seeds(count, held_out, seed)

    def draw() -> Iterator[NDArray[np.uint8]]:
        for number, split in wanted:
            shares = puzzles.TRAINED if split == "train" else puzzles.HELD_OUT
            kind, pieces = puzzles.puzzle(number, SIZE, shares)
            for drawn in pieces:
                rows.append(Row(kind, drawn.texts, split, f"puzzle:{number}"))
                yield pictures.squash(drawn.image)

    pictures.write(folder, PUZZLES, draw(), rows, len(wanted) * puzzles.PIECES)
    return len(rows)
