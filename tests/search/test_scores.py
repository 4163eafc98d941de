"""Scores: relevance against raw cosines, and the cutoff."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.search.searcher import Searcher
from tests.search.helpers import Files, hits, names, searcher_of


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    """Pictures with high cosines to the query among which one stands out, and notes with low ones."""
    files: Files = {
        **{f"p{n}.png": ("image", 0.5, "") for n in range(6)},
        **{f"n{n}.txt": ("text", 0.1, "x") for n in range(6)},
        "best.txt": ("text", 0.4, "x"),
    }
    return searcher_of(tmp_path, files)


def test_relevance_lets_a_note_that_stands_out_beat_pictures_that_do_not(searcher: Searcher) -> None:
    assert names(searcher, top=1) == ["best.txt"]


def test_raw_ranks_by_the_cosine(searcher: Searcher) -> None:
    assert names(searcher, top=7, raw=True) == [*(f"p{n}.png" for n in range(6)), "best.txt"]
    assert all(hit.relevance == hit.score for hit in hits(searcher, raw=True))


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_min_relevance_cuts_the_tail_off(searcher: Searcher, mode: str) -> None:
    bound = hits(searcher, top=20, mode=mode)[0].relevance
    assert names(searcher, top=20, mode=mode, min_relevance=bound) == ["best.txt"]
    assert names(searcher, top=20, mode=mode, min_relevance=bound + 1) == []
