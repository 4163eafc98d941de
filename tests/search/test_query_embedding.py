"""An embedder that has made room for another model still answers what it was asked before."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from mmsearch.models import load_embedder, machine
from mmsearch.models.machine import Memory
from mmsearch.search.open import crowded, make_room
from mmsearch.search.query import CachedQueryEmbedder
from mmsearch.types import Embedder, ModelOptions, Query, QueryPart

PICTURE = np.full((32, 32, 3), 200, np.uint8)
QUERIES = [
    Query((QueryPart("red car"),)),
    Query((QueryPart("a dog"), QueryPart("snow", -0.5))),
    Query((QueryPart(PICTURE),)),
    Query((QueryPart("tomatoes"),)),
]


@pytest.fixture
def embedder() -> Embedder:
    return load_embedder(ModelOptions())


def test_vectors_are_those_of_the_model(embedder: Embedder) -> None:
    known = CachedQueryEmbedder(embedder, QUERIES)
    for query in QUERIES:
        assert np.allclose(known.embed_query(query), embedder.embed_query(query), atol=1e-5)
    other = Query((QueryPart("something else"),))
    assert np.allclose(known.embed_query(other), embedder.embed_query(other), atol=1e-5)


def test_the_share_of_known_words_outlives_the_model(embedder: Embedder) -> None:
    known, _ = make_room(embedder, QUERIES)
    assert [known.known_share(text) for text in ("red car", "tomatoes")] == [1, 1]  # type: ignore[attr-defined]
    assert CachedQueryEmbedder(embedder, QUERIES).known_share("asdfghjkl") == 0


def test_a_model_that_makes_room_is_gone(embedder: Embedder) -> None:
    model = load_embedder(ModelOptions())
    seen = weakref.ref(model)
    left, queries = make_room(model, (query for query in QUERIES))
    del model
    gc.collect()
    assert seen() is None
    for query in queries:
        assert np.allclose(left.embed_query(query), embedder.embed_query(query), atol=1e-5)
    with pytest.raises(LookupError):
        left.embed_query(Query((QueryPart("something else"),)))


@pytest.mark.parametrize(
    ("reranker", "device", "gigabytes", "wanted"),
    [
        ("qwen3-vl-reranker-2b", None, {"cuda:0": 3.0, "cpu": 4.0}, True),
        ("qwen3-vl-reranker-2b", None, {"cuda:0": 9.0, "cpu": 4.0}, False),
        ("qwen3-vl-reranker-2b", "cuda", {"cuda:0": 3.0, "cpu": 64.0}, True),
        ("qwen3-vl-reranker-2b", "cpu", {"cuda:0": 3.0, "cpu": 64.0}, False),
        ("./my/reranker", None, {"cpu": 0.1}, False),
        ("builtin", None, {"cpu": 0.1}, False),
    ],
)
def test_room_is_made_only_where_it_is_short(
    monkeypatch: pytest.MonkeyPatch, reranker: str, device: str | None, gigabytes: dict[str, float], wanted: bool
) -> None:
    found = [Memory(name, "", int(size * 2**30), 80 << 30, 2) for name, size in gigabytes.items()]
    monkeypatch.setattr(machine, "memories", lambda: found)
    assert crowded(reranker, device) is wanted


def test_a_search_that_has_to_make_room_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from typer.testing import CliRunner

    from mmsearch.cli import app

    for name, text in (("a", "Tomatoes need sun."), ("b", "The car was red."), ("c", "Invoices are due in May.")):
        (tmp_path / f"{name}.txt").write_text(text)
    index = str(tmp_path / "index")
    run = CliRunner()
    assert run.invoke(app, ["index", str(tmp_path), "--index", index]).exit_code == 0
    found = []
    for short in (False, True):
        monkeypatch.setattr("mmsearch.cli.search.crowded", lambda *_, short=short: short)
        done = run.invoke(app, ["search", "when must I pay", "--rerank", "--json", "--index", index])
        assert done.exit_code == 0, done.output
        found.append(done.stdout_bytes)
    assert found[0] == found[1] and b"c.txt" in found[0]
