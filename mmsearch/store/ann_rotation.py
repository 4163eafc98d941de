"""Turns vectors in space, so that none of their numbers says much more than another.

Short forms that give each number, or each few of them, the same few bits lose least then. Lengths and products stay
what they were, so what is near stays near. The turn is the same everywhere and for ever: random signs and Hadamard
matrices, after "Fast Johnson-Lindenstrauss" (Ailon and Chazelle, 2006). Changing it makes files that were written with
it useless.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_LEAST, _MOST = 64, 256
"""Numbers that one matrix mixes: a power of two, of which the length of a turned vector is a multiple."""
_ROUNDS = 2
"""After the first one each number is mixed from some of all, after the second from nearly all."""


def width(dim: int) -> int:
    """How many numbers a turned vector of `dim` numbers has: zeros fill it up."""
    return -(-dim // _LEAST) * _LEAST


def turned(vectors: Vectors) -> Vectors:
    """Float32 `(n, dim)` as float32 `(n, width(dim))`."""
    count, dim = vectors.shape
    wide = width(dim)
    rows: Vectors = np.zeros((count, wide), np.float32)
    rows[:, :dim] = vectors
    mixed = min(_MOST, wide & -wide)
    for number in range(_ROUNDS):
        apart = (rows * _signs(wide, number)).reshape(count, mixed, wide // mixed).swapaxes(1, 2)
        rows = (np.ascontiguousarray(apart).reshape(-1, mixed) @ _hadamard(mixed)).reshape(count, wide)
    return np.ascontiguousarray(rows)


@lru_cache(maxsize=8)
def _signs(count: int, number: int) -> Vectors:
    """Float32 `(count,)` of 1 and -1, by the mixing function of splitmix64 (Steele, Lea and Flood, 2014)."""
    state = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(number << 32)
    state *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    signs: Vectors = np.where(state & np.uint64(1), np.float32(1), np.float32(-1))
    return signs


@lru_cache(maxsize=4)
def _hadamard(size: int) -> Vectors:
    """Float32 `(size, size)`: Sylvester's matrix, of orthonormal rows."""
    matrix: Vectors = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.float32(np.sqrt(size)), np.float32)
