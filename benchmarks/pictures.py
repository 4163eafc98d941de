"""Photo-like JPEGs for the benchmarks, made from noise at all scales; same call, same bytes.

Knows nothing of models. A few large pictures are computed and the others are shifted, mirrored and recoloured copies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

BASES = 3
SMOOTH, DETAILED = 0.5, 0.75
"""How much weaker the detail of half the size is: few edges, or foliage and gravel."""
SIZES = [(4000, 3000), (1600, 1200), (3000, 4000), (1024, 768), (2048, 1365), (640, 480), (4000, 2250), (900, 1200)]
"""Pixels of the mixed set, over and over."""


def make_set(name: str, folder: Path, count: int) -> list[str]:
    """Paths of `count` pictures of a set, made where they are not there yet.

    Sets: `12mp-large` (files of about 5 MB), `12mp-small` (about 1 MB), `2mp`, and `mixed` (0.3 to 12 megapixels).
    """
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if missing:
        detail = SMOOTH if name == "12mp-small" else DETAILED
        bases = [scene(4000, 3000, seed, detail) for seed in range(BASES)]
        for number in missing:
            _save(_variant(bases, number), name, number, paths[number])
    return [str(path) for path in paths]


def _save(picture: Pixels, name: str, number: int, path: Path) -> None:
    image = Image.fromarray(picture)
    if name == "2mp":
        image = image.resize((1632, 1224), Image.Resampling.LANCZOS)
    elif name == "mixed":
        width, height = SIZES[number % len(SIZES)]
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.save(path, quality=80 if name == "12mp-small" else 94)


def _variant(bases: list[Pixels], number: int) -> Pixels:
    """One of the scenes, moved by some distance, with its colours changed round and every other one mirrored."""
    rng = np.random.default_rng(number)
    picture = np.roll(bases[number % len(bases)], tuple(rng.integers(0, 3000, 2)), axis=(0, 1))
    picture = picture[:, ::-1] if number % 2 else picture
    return np.ascontiguousarray(picture[..., rng.permutation(3)])


def scene(width: int, height: int, seed: int, detail: float) -> Pixels:
    """One large picture, uint8 `(height, width, 3)`; `detail` says how much weaker what is half as large shows."""
    rng = np.random.default_rng(seed)
    total = np.full((height, width, 3), 128, np.float32)
    tiles, contrast = 4, 90.0
    while tiles <= 2048:
        shape = max(2, tiles * height // width), tiles
        for channel in range(3):
            noise = Image.fromarray(rng.normal(0, 1, shape).astype(np.float32))
            total[..., channel] += contrast * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
        tiles, contrast = 2 * tiles, contrast * detail
    total += rng.normal(0, 5 * detail, (height, width, 1)).astype(np.float32)
    return np.clip(total, 0, 255).astype(np.uint8)
