"""Rotated vectors: as near to each other as before, none of their numbers large, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.store.ann_index import rotate, rotated_dim

DIMS = [8, 64, 100, 192, 300, 512, 768, 1152, 2048]


def units(count: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("dim", DIMS)
def test_products_stay_what_they_were(dim: int) -> None:
    rows = units(50, dim)
    rotated = rotate(rows)
    assert rotated.shape == (50, rotated_dim(dim)) and rotated.dtype == np.float32
    np.testing.assert_allclose(rotated @ rotated.T, rows @ rows.T, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
def test_what_few_numbers_say_is_said_by_many(dim: int) -> None:
    identity = np.zeros((dim, dim), np.float32)
    np.fill_diagonal(identity, 1)
    assert np.abs(rotate(identity)).max() <= 0.36, "not more than one of eight holds"


def test_the_rotation_is_the_same_for_ever() -> None:
    """Files depend on it."""
    rotated = rotate(np.arange(1, 101, dtype=np.float32)[None])
    assert rotated.shape == (1, 128)
    expected = [-52.75, -23.875, -31.625, 4.4375, -12.6875, -46.25]
    np.testing.assert_allclose(rotated[0, [0, 1, 2, 63, 64, 127]], expected, atol=1e-3)
