"""Value noise in two and three dimensions, the same on every machine. Knows nothing about what it textures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def f32(values: object) -> Array:
    """`values`, a number or nested sequences of numbers, as float32."""
    return np.asarray(values, np.float32)


def _scrambled(mixed: NDArray[np.uint32]) -> Array:
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(739982445)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(1274126177)
    mixed ^= mixed >> np.uint32(16)
    return (mixed & np.uint32(0xFFFFFF)).astype(np.float32) * f32(1 / 16777216)


def noise3(p: Array) -> Array:
    """Smooth noise in 0..1 at the points `(n, 3)`, one feature a unit."""
    primes = [np.uint32(n) for n in (374761393, 668265263, 2246822519)]
    low, weight = [], []
    for axis in range(3):
        column = p[:, axis].astype(np.float32)
        cell = np.floor(column)
        f = column - cell
        weight.append(f * f * (3 - 2 * f))
        low.append(cell.astype(np.int64).astype(np.uint32) * primes[axis])
    out: list[Array] = []
    for corner in range(8):
        steps = (corner & 1, (corner >> 1) & 1, corner >> 2)
        out.append(_scrambled(sum((low[i] + primes[i] if steps[i] else low[i] for i in range(3)), np.uint32(0))))  # type: ignore[arg-type]
    for axis in range(3):
        out = [a + (b - a) * weight[axis] for a, b in zip(out[::2], out[1::2], strict=True)]
    return out[0]


def fbm3(p: Array, octaves: int = 4) -> Array:
    """Noise of several octaves, still in 0..1."""
    out, size, total = np.zeros(len(p), np.float32), 0.5, 0.0
    for octave in range(octaves):
        out += f32(size) * noise3(np.asarray(p * 2.0**octave + 7.3 * octave, np.float32))
        total += size
        size /= 2
    return np.asarray(out / total, np.float32)


def clouds(width: int, height: int, cell: float, seed: int, octaves: int = 5, stretch: float = 1.0) -> Array:
    """A sheet `(height, width)` of fbm noise in 0..1, `cell` pixels a feature, `stretch` times longer sideways."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    p = np.stack([x / (cell * stretch), y / cell, np.full_like(x, seed * 13.7)], axis=-1)
    return fbm3(np.asarray(p.reshape(-1, 3), np.float32), octaves).reshape(height, width)
