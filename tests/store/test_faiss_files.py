"""Vector files: scores of some rows are those of a search, to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.store.faiss_files import SegmentBuilder, SegmentFile, segment_path


@pytest.mark.parametrize("dim", [*range(1, 36), 192, 513, 2048])
def test_products_are_what_a_search_gives_to_the_last_digit(tmp_path: Path, dim: int) -> None:
    random = np.random.default_rng(dim)
    builder = SegmentBuilder(dim)
    builder.add(random.standard_normal((100, dim)).astype(np.float32))
    builder.write(str(tmp_path), "image/1.faiss")
    file = SegmentFile(segment_path(str(tmp_path), "image/1.faiss"), dim, 100)
    queries = random.standard_normal((3, dim)).astype(np.float32)
    for (rows, scores), products in zip(
        file.search(queries, 100, None), file.products(queries, np.arange(100)), strict=True
    ):
        np.testing.assert_array_equal(products[rows], scores)
    rows = np.array([7, 3, 99])
    np.testing.assert_array_equal(file.products(queries, rows), file.products(queries, np.arange(100))[:, rows])
