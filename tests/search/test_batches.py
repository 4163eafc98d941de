"""Many queries at once: the same answers as one by one, in a small part of the work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.types import Query, QueryPart, Vectors
from tests.search.helpers import Files, Pointer, leaning, searcher_of
from tests.store.helpers import DIM

FILES: Files = {f"{n}.txt": ("text", n / 40, f"word{n}") for n in range(30)}


class Counting(Pointer):
    """A model that gives each text an axis of its own, and counts its passes."""

    def __init__(self) -> None:
        self.passes = 0

    def embed_query(self, query: Query) -> Vectors:
        self.passes += 1
        return self._row(query.text)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        self.passes += 1
        return np.stack([self._row(text) for text in texts])

    @staticmethod
    def _row(text: str) -> Vectors:
        return leaning(0.5, 1 + sum(text.encode()) % (DIM - 1))


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    made = searcher_of(tmp_path, FILES)
    return Searcher(made.reader, Counting())


def ask(text: str) -> Query:
    return Query((QueryPart(text),))


def test_a_batch_finds_what_each_query_finds_alone(searcher: Searcher) -> None:
    queries = [ask(f"word{n % 40} x{n}") for n in range(150)]
    queries[7] = Query((QueryPart("a"), QueryPart("b", -0.5)))
    options = SearchRequest(top=5)
    alone = [searcher.search(query, options) for query in queries]
    together = list(searcher.search_all(queries, options))
    assert [[hit.item for hit in hits] for hits in together] == [[hit.item for hit in hits] for hits in alone]
    for one, other in zip(alone, together, strict=True):
        assert [hit.relevance for hit in one] == pytest.approx([hit.relevance for hit in other], abs=1e-5)


def test_a_thousand_queries_take_a_few_passes_of_the_model(searcher: Searcher) -> None:
    assert len(list(searcher.search_all(ask(f"x{n}") for n in range(1000)))) == 1000
    assert isinstance(searcher.embedder, Counting)
    assert searcher.embedder.passes <= 20


def test_answers_come_before_all_queries_are_read(searcher: Searcher) -> None:
    read: list[int] = []

    def lines() -> object:
        for n in range(1000):
            read.append(n)
            yield ask(f"x{n}")

    next(searcher.search_all(lines()))  # type: ignore[arg-type]
    assert len(read) < 200
