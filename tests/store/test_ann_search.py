"""What else the store does goes with accelerators: filters, partitions, indexes that are searched as one or merged."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.store import Bounds, Filter, Reader, open_reader, row_table, vector_search
from mmsearch.store.transfer import Importer, merge
from mmsearch.store.writer import Writer
from mmsearch.types import Modality
from tests.store.clusters import CLUSTERED, CLUSTERS, SMALL, add, draw, make, optimize, questions, recall
from tests.store.helpers import vector_files

KINDS: tuple[Modality, ...] = ("image", "text")
PICTURES = Filter(modalities=frozenset({"image"}))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pictures and texts, both with accelerators."""
    directory = make(tmp_path_factory.mktemp("made") / "index", 2000, 600)
    with Writer.open(directory, CLUSTERED) as writer:
        writer.optimize(replace(SMALL, kind="pq4", flat_bytes=0), lambda *_: None)
    return directory


@pytest.fixture
def index(template: str, tmp_path: Path) -> str:
    return str(shutil.copytree(template, tmp_path / "index"))


def some(share: float) -> Filter:
    """A share of all files, which has nothing to do with what they hold."""
    return Filter(accept=lambda path: int(path.split("/")[-1][:6]) * 7919 % 1000 < 1000 * share)


def bits(reader: Reader, name: Modality) -> set[bytes]:
    return {row.tobytes() for block in reader.blocks(name) for row in block.vectors}


def test_a_search_for_pictures_opens_no_accelerator_of_texts(index: str, caplog: pytest.LogCaptureFixture) -> None:
    for name in vector_files(index):
        if name.startswith("text"):
            Path(index, "vectors", name).unlink()
    with Reader.open(index) as reader, caplog.at_level(logging.WARNING):
        reader.open_files(PICTURES)
        assert len(reader.search(questions()[0], "image", 10, PICTURES)) == 10
        assert reader.search(questions()[0], "text", 10, PICTURES) == []
    assert caplog.messages == []


@pytest.mark.parametrize("few", [0, 4096])
@pytest.mark.parametrize("listed", [1e-9, 1e9])
def test_filters_find_the_same_whichever_way_they_are_met(
    few: int, listed: float, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By looking contents up or by the column, and with or without filtering the nearest first."""
    monkeypatch.setattr(row_table, "_LOOKUP_LIMIT", few)
    monkeypatch.setattr(vector_search, "ROWS_PER_CANDIDATE", listed)
    monkeypatch.setattr(vector_search, "EXACT_LIMIT", 20)
    with Reader.open(template) as reader:
        for share in (0.02, 0.2, 0.9):
            assert recall(reader, 10, Filter(size=Bounds(0, CLUSTERS * share))) >= 0.95
            assert recall(reader, 10, some(share)) >= 0.95


def test_a_content_that_takes_the_number_of_a_deleted_one_answers_for_itself_alone(index: str) -> None:
    """An ANN index keeps deleted vectors, and later contents get the same numbers."""
    with Writer.open(index, CLUSTERED) as writer:
        for number in range(1000, 2000):
            writer.remove(f"/data/{number:06}.image")
        for number in range(600):
            writer.remove(f"/data/{number:06}.text")
        writer.commit()
        vectors, _ = draw("image", 300, 4242)
        add(writer, 9000, vectors, [CLUSTERS + 1] * 300)
    with Reader.open(index) as reader:
        assert recall(reader, 10) >= 0.95
        assert recall(reader, 10, Filter(size=Bounds(CLUSTERS + 1))) == 1
        assert recall(reader, 10, Filter(size=Bounds(0, CLUSTERS))) >= 0.95
        assert list(reader.problems()) == []


def test_indexes_with_accelerators_are_searched_as_one(index: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    with Writer.open(other, CLUSTERED) as writer:
        vectors, clusters = draw("image", 700, 4242)
        add(writer, 5000, vectors, clusters.tolist())
    with open_reader([index, other]) as bare:
        before = bare.search_all(questions(), "image", 10)
    optimize(other, "int8")
    with open_reader([index, other]) as reader:
        pairs = zip(before, reader.search_all(questions(), "image", 10), strict=True)
        assert np.mean([len(set(old) & set(new)) / 10 for old, new in pairs]) >= 0.95
        (image, text) = reader.status().lookups
    assert (image.kind, image.vectors, image.covered) == ("pq4", 2700, 2700) and image.recall is not None
    assert (text.partition, text.covered) == ("text", 600)


def test_merging_takes_over_vectors_and_no_accelerator(index: str, tmp_path: Path) -> None:
    target = str(tmp_path / "target")
    with Reader.open(index) as source, Writer.open(target, CLUSTERED) as writer:
        merge([source], Importer(writer))
    assert not [name for name in vector_files(target) if name.endswith(".ann")]
    with Reader.open(index) as source, Reader.open(target) as copy:
        assert {one.kind for one in copy.status().lookups} == {"flat"}
        for name in ("image", "text"):
            originals, copies = (
                {row.tobytes() for block in one.blocks(name) for row in block.vectors} for one in (source, copy)
            )
            assert originals == copies and len(originals) == source.counts()[name]


def test_optimizing_leaves_the_summaries_complete(index: str) -> None:
    with Writer.open(index, CLUSTERED) as writer:
        vectors, clusters = draw("image", 900, 4242)
        for start in range(0, 900, 100):
            add(writer, 5000 + start, vectors[start : start + 100], clusters[start : start + 100].tolist())
        for number in range(500):
            writer.remove(f"/data/{number:06}.image")
        writer.commit()
        assert writer.optimize(replace(SMALL, kind="pq4"), lambda *_: None)[0].changed
    with Reader.open(index) as reader:
        assert list(reader.problems()) == []
        assert len(reader.sample("image")) == 1024
