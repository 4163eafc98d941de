"""Searching from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmsearch
from mmsearch import Index
from mmsearch.cli import app
from mmsearch.errors import IndexMissing, UsageError
from mmsearch.types import Hit
from tests.e2e.conftest import NOTES, draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two notes and two pictures, indexed into `.mmsearch` beside them."""
    folder = tmp_path_factory.mktemp("api")
    for name in ("garden.txt", "bike.md"):
        (folder / name).write_text(NOTES[name])
    draw(folder / "red.png", "red")
    draw(folder / "blue.png", "blue", "rectangle")
    app(["index", str(folder), "--index", str(folder / ".mmsearch")], standalone_mode=False)
    return folder


@pytest.fixture
def index(folder: Path) -> Index:
    return Index.open(folder / ".mmsearch")


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.item.path).name for hit in hits]


def test_a_text_finds_files_in_order(index: Index) -> None:
    hits = index.search("vegetables in the sun")
    assert names(hits)[0] == "garden.txt"
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert len(index) == 4
    assert len(index.search("vegetables", k=2)) == 2


def test_pictures_files_of_the_index_and_mixtures_find_too(index: Index, folder: Path) -> None:
    assert names(index.search(image=str(folder / "blue.png")))[0] == "blue.png"
    assert names(index.search(like=str(folder / "red.png"), types={"image"})) == ["blue.png"]
    assert names(index.search("a red circle", image=[f"{folder / 'red.png'}:0.5"], exclude="text"))[0] == "red.png"


def test_filters_and_modes(index: Index, folder: Path) -> None:
    assert set(names(index.search("anything", types=["image"]))) == {"red.png", "blue.png"}
    assert index.search("anything", inside=str(folder / "elsewhere")) == []
    assert names(index.search("brakes", mode="lexical")) == ["bike.md"]
    assert index.search("brakes", min_relevance=1e9) == []


def test_reranking_reads_the_best_again(index: Index) -> None:
    hits = index.search("a red circle", rerank=True)
    assert {hit.item.modality for hit in hits if hit.rerank_score is not None} == {"image"}
    assert names(index.search("a red circle", rerank="builtin")) == names(hits)


def test_what_cannot_be_asked_or_opened_is_an_error(index: Index, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to look for"):
        index.search()
    with pytest.raises(UsageError, match="not in the index"):
        index.search(like="nowhere.png")
    with pytest.raises(IndexMissing):
        Index.open(tmp_path)


def test_an_index_closes_with_its_block(folder: Path) -> None:
    with Index.open(str(folder / ".mmsearch")) as index:
        assert index.search("garden")
    index.close()


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no Indexes"):
        mmsearch.Indexes  # noqa: B018
