"""The synthetic indexes of the benchmark of scale hold what they say, and what is nearest in them is known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer, widened
from benchmarks.scale import SEARCHED, TOP, Best
from benchmarks.synthetic import PARTS, Links, World, build
from mmsearch.models import load_embedder
from mmsearch.store import Identity, Reader
from mmsearch.store.words.query import parse_query
from mmsearch.types import ModelOptions, Query, QueryPart

ITEMS, DIM = 700, 24


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str, Best]:
    folder = tmp_path_factory.mktemp("scale")
    options = ModelOptions()
    identity = Identity(options, "synthetic", DIM, frozenset(PARTS), load_embedder(options).spec.loader)
    world, index = World(ITEMS, DIM, str(folder / "tree")), str(folder / "index")
    best = Best(world.queries(20))
    for chunk in build(world, index, identity, Links(folder / "bodies")):
        best.see(chunk)
    return world, index, best


def test_an_index_holds_its_shares_of_files_that_are_there(built: tuple[World, str, Best]) -> None:
    world, index, _ = built
    with Reader.open(index) as reader:
        assert reader.counts() == {kind: files * PARTS[kind] for kind, files in world.files.items()}
        assert list(reader.problems()) == []
        assert list(reader.catalog.absent_files()) == []
        record = reader.file(world.path("image", 3))
        assert record is not None and record.size == os.stat(record.path).st_size
        assert reader.search_passages(parse_query(world.passages(2)[0].split()[0])).rows


def test_what_is_said_to_be_nearest_is_what_the_index_finds(built: tuple[World, str, Best]) -> None:
    world, index, best = built
    with Reader.open(index) as reader:
        for query, numbers in zip(world.queries(20), best.numbers, strict=True):
            items = [item for item, _ in reader.search(query, SEARCHED, TOP)]
            places = reader.locate(items)
            found = {places[item][0].item.path for item in items}
            assert len(found & {world.path(SEARCHED, int(number)) for number in numbers}) >= TOP - 1, "fp16 may differ"


def test_modalities_lie_apart_and_queries_with_the_texts() -> None:
    world = World(5000, 192, "/data")
    [chunk] = world.chunks()
    middles = {kind: rows.mean(0) for kind, rows in chunk.vectors.items()}
    query = world.queries(100).mean(0)
    assert all(np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5) for rows in chunk.vectors.values())
    assert query @ middles["text"] > 0.2 + query @ middles["image"]


def test_the_peers_table_holds_all_vectors(tmp_path: Path) -> None:
    world = World(ITEMS, DIM, "/data")
    peer.write(world, tmp_path / "peer.sqlite")
    assert len(peer.search(str(tmp_path / "peer.sqlite"), DIM)) == peer.TOP


def test_a_widened_model_has_the_cosines_of_the_built_in_one(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    wide = load_embedder(ModelOptions(widened.model(tmp_path, 256)))
    plain = load_embedder(ModelOptions(widened.model(tmp_path, 192)))
    assert (wide.spec.dim, plain.spec.name) == (256, "builtin")
    queries = [Query((QueryPart(text),)) for text in ("a red car", "terms of payment")]
    cosines = [np.dot(*(model.embed_query(query) for query in queries)) for model in (wide, plain)]
    assert cosines[0] == pytest.approx(cosines[1], abs=1e-5)
