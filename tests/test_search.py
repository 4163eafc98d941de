"""The query pipeline over a small index whose vectors are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.core import Item, ModelSpec, Query, QueryPart, Segment, Vectors
from mmsearch.errors import UsageError
from mmsearch.search import Searcher, SearchOptions
from mmsearch.store import Reader, Writer
from tests.store.helpers import DIM, IDENTITY, Facts


class Pointer:
    """An embedder that gives every query the vector it was made with."""

    def __init__(self, vector: Vectors) -> None:
        self.spec = ModelSpec("pointer", "fingerprint-1", DIM, IDENTITY.modalities, IDENTITY.loader)
        self.vector = vector

    def embed(self, segments: list[Segment]) -> Vectors:
        raise NotImplementedError

    def embed_query(self, query: Query) -> Vectors:
        return self.vector


def leaning(cosine: float, towards: int) -> Vectors:
    """A unit vector at `cosine` to the first axis, the rest along another one."""
    vector = np.zeros(DIM, np.float32)
    vector[0], vector[towards] = cosine, (1 - cosine**2) ** 0.5
    return vector


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    """Pictures with high cosines to the query among which one stands out, and notes with low ones."""
    files = {f"p{n}.png": ("image", 0.5) for n in range(6)} | {f"n{n}.txt": ("text", 0.1) for n in range(6)}
    files |= {"best.txt": ("text", 0.4)}
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        for at, (name, (modality, cosine)) in enumerate(files.items(), 1):
            path = tmp_path / name
            path.write_text(name)
            item = Item("", name, modality, modality)  # type: ignore[arg-type]
            writer.put_content(name, modality, modality, Facts(), [item], leaning(cosine, at)[None])  # type: ignore[arg-type]
            writer.put_file(str(path), len(name), path.stat().st_mtime_ns, name, modality)
        writer.commit()
    return Searcher(Reader.open(str(tmp_path / "index")), Pointer(leaning(1.0, 1)))


def names(searcher: Searcher, **options: object) -> list[str]:
    query = Query((QueryPart("anything"),))
    hits = searcher.search(query, SearchOptions(**options))  # type: ignore[arg-type]
    return [Path(hit.item.path).name for hit in hits]


def test_relevance_lets_a_note_that_stands_out_beat_pictures_that_do_not(searcher: Searcher) -> None:
    assert names(searcher, top=1) == ["best.txt"]


def test_raw_ranks_by_the_cosine(searcher: Searcher) -> None:
    assert names(searcher, top=7, calibrated=False) == [*(f"p{n}.png" for n in range(6)), "best.txt"]
    hits = searcher.search(Query((QueryPart("x"),)), SearchOptions(calibrated=False))
    assert all(hit.relevance == hit.score for hit in hits)


def test_min_relevance_cuts_the_tail_off(searcher: Searcher) -> None:
    hits = searcher.search(Query((QueryPart("x"),)), SearchOptions(top=20))
    bound = hits[0].relevance
    assert names(searcher, top=20, min_relevance=bound) == ["best.txt"]
    assert names(searcher, top=20, min_relevance=bound + 1) == []


@pytest.mark.parametrize(
    "options", [{"mode": "hybrid"}, {"rerank_budget": 2.0}, {"all_segments": True}, {"fold": True}]
)
def test_what_is_not_there_yet_is_refused(searcher: Searcher, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="not possible yet"):
        names(searcher, **options)
