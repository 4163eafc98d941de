"""An example finds only what is of its kind, itself first; types or words lift that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.scan import digest
from mmsearch.search.query import QueryBuilder
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.types import Content, LoaderSettings, Modality
from tests.search.helpers import Files, Pointer, leaning, searcher_of

FILES: Files = {
    "a.jpg": ("image", 0.5, ""),
    "b.jpg": ("image", 0.4, ""),
    "c.pdf": ("document", 0.45, ""),
    "d.mp4": ("video", 0.3, ""),
    "e.wav": ("audio", 0.9, ""),
    "f.txt": ("text", 0.95, "anything"),
}
SEEN = ["a.jpg", "c.pdf", "b.jpg", "d.mp4"]


def found(searcher: Searcher, **options: object) -> list[str]:
    request = SearchRequest(**options)  # type: ignore[arg-type]
    builder = QueryBuilder(searcher.reader, Pointer(), load=load)
    return [Path(hit.item.path).name for hit in searcher.search(builder.query(request), request)]


def load(source: object, modality: Modality, settings: LoaderSettings) -> list[Content]:
    """Contents of which the model makes nothing anyway."""
    return [np.zeros((2, 2, 3), np.uint8)]


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    return searcher_of(tmp_path, FILES)


@pytest.mark.parametrize(
    ("kind", "expected"), [("image", SEEN), ("video", SEEN), ("audio", ["e.wav"])], ids=["image", "video", "audio"]
)
def test_an_example_finds_only_what_is_of_its_kind(searcher: Searcher, kind: str, expected: list[str]) -> None:
    assert found(searcher, **{kind: ("elsewhere",)}) == expected


def test_an_indexed_file_finds_only_what_is_of_its_kind(searcher: Searcher, tmp_path: Path) -> None:
    assert set(found(searcher, like=(str(tmp_path / "d.mp4"),))) == {"a.jpg", "b.jpg", "c.pdf"}
    assert found(searcher, like=(str(tmp_path / "e.wav"),)) == []
    assert found(searcher, like=(str(tmp_path / "f.txt"),)) == []


def test_examples_of_two_kinds_find_both(searcher: Searcher) -> None:
    assert set(found(searcher, image=("elsewhere",), audio=("elsewhere",))) == {*SEEN, "e.wav"}


def test_types_that_are_named_are_found_by_any_example(searcher: Searcher) -> None:
    assert found(searcher, image=("elsewhere",), types=("text",)) == ["f.txt"]
    assert found(searcher, audio=("elsewhere",), types=("image,audio",)) == ["e.wav", "a.jpg", "b.jpg"]
    assert found(searcher, image=("elsewhere",), types=("image",)) == ["a.jpg", "b.jpg"]


def test_words_beside_an_example_find_every_kind(searcher: Searcher) -> None:
    assert set(found(searcher, image=("elsewhere",), texts=("at night",))) == set(FILES)
    assert set(found(searcher, image=("elsewhere",), negatives=("at night",))) == set(SEEN)


def test_raw_cosines_are_of_the_same_kind_as_the_example(searcher: Searcher) -> None:
    assert found(searcher, image=("elsewhere",), raw=True) == SEEN


def test_a_lower_cosine_of_another_kind_does_not_come_first(searcher: Searcher) -> None:
    """Pictures, pages and video are compared on one scale: each has few files, so each would have its own best."""
    scores = [FILES[name][1] for name in found(searcher, image=("elsewhere",))]
    assert scores == sorted(scores, reverse=True)


def test_how_alike_pictures_are_does_not_depend_on_the_other_kinds(tmp_path: Path) -> None:
    """Cosines of texts with a picture are on another scale, so they are no background for those of pictures."""
    pictures: Files = {f"{n}.jpg": ("image", 0.6 + n / 100, "") for n in range(20)}
    notes: Files = {f"{n}.txt": ("text", -0.3 + n / 1000, "x") for n in range(200)}
    request = SearchRequest(image=("elsewhere",), raw=False)
    found_by_folder = []
    for name, files in (("pictures", pictures), ("mixed", pictures | notes)):
        searcher = searcher_of(tmp_path / name, files)
        query = QueryBuilder(searcher.reader, Pointer(), load=load).query(request)
        found_by_folder.append(searcher.search(query, request))
    alone, beside_notes = found_by_folder
    assert [hit.score for hit in alone] == [hit.score for hit in beside_notes]
    assert all(more.relevance < less.relevance < 0 for more, less in zip(beside_notes, alone, strict=True))


def test_the_example_itself_comes_first_whatever_the_model_makes_of_it(tmp_path: Path) -> None:
    """Its content is known by its digest: another loading of it may give another vector."""
    from mmsearch.store import Reader
    from mmsearch.store.writer import Writer
    from mmsearch.types import FileMetadata, Item
    from tests.store.helpers import IDENTITY

    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        for at, (name, cosine) in enumerate({"far.jpg": 0.1, "near.jpg": 0.9}.items()):
            path = tmp_path / name
            path.write_text(name)
            content = digest(str(path))
            item = Item("", content, "image", "image")
            writer.put_content(content, "image", "image", FileMetadata(), [item], leaning(cosine, 2 + at)[None])
            writer.put_file(str(path), len(name), path.stat().st_mtime_ns, content, "image")
        writer.commit()
    searcher = Searcher(Reader.open(str(tmp_path / "index")), Pointer())
    example = str(tmp_path / "far.jpg")
    assert found(searcher, image=(example,)) == ["far.jpg", "near.jpg"]
    assert found(searcher, image=(example,), raw=True) == ["near.jpg", "far.jpg"]
    assert found(searcher, image=(f"{example}:-0.5", "elsewhere")) == ["near.jpg", "far.jpg"], "it is not meant"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "copy.jpg").write_text("far.jpg")
    assert found(searcher, image=(str(elsewhere / "copy.jpg"),)) == ["far.jpg", "near.jpg"]
