"""By vectors, by words, or by both: what words add, and that they take nothing away."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import UsageError
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.types import Query, QueryPart
from tests.search.helpers import Files, Pointer, hits, names, searcher_of

FILES: Files = {
    "holidays/IMG_red-car2.jpg": ("image", 0.2, ""),
    "photo1.jpg": ("image", 0.6, ""),
    "photo2.jpg": ("image", 0.5, ""),
    "near.txt": ("text", 0.4, "nothing of the kind"),
    "zeppelin.txt": (
        "text",
        0.3,
        "All about airships. " * 30 + "The rigid zeppelins carried mail. " + "The end. " * 30,
    ),
    "other.txt": ("text", 0.1, "something else"),
}


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    return searcher_of(tmp_path, FILES)


def test_a_note_that_holds_the_words_comes_before_a_nearer_one(searcher: Searcher) -> None:
    order = names(searcher, "rigid zeppelin")
    assert order.index("zeppelin.txt") < order.index("near.txt")
    order = names(searcher, "rigid zeppelin", mode="dense")
    assert order.index("near.txt") < order.index("zeppelin.txt")


def test_words_of_a_note_do_not_push_a_picture_out(searcher: Searcher) -> None:
    by_vectors = names(searcher, "rigid zeppelin", mode="dense", raw=True)
    both = names(searcher, "rigid zeppelin", raw=True)
    assert both[:2] == by_vectors[:2] == ["photo1.jpg", "photo2.jpg"]


def test_a_name_is_found_by_its_words(searcher: Searcher) -> None:
    assert names(searcher, "red car", mode="lexical") == ["IMG_red-car2.jpg"]
    assert names(searcher, "red car", raw=True)[0] == "IMG_red-car2.jpg"


def test_a_folder_is_found_by_its_words(searcher: Searcher) -> None:
    assert names(searcher, "holiday", mode="lexical") == ["IMG_red-car2.jpg"]


def test_a_hybrid_is_the_ranking_by_vectors_where_words_match_nothing(searcher: Searcher) -> None:
    assert names(searcher, "submarine") == names(searcher, "submarine", mode="dense")
    assert names(searcher, "???") == names(searcher, "???", mode="dense")


def test_a_search_by_words_alone_finds_only_what_holds_them(searcher: Searcher) -> None:
    assert names(searcher, "zeppelin mail", mode="lexical") == ["zeppelin.txt"]
    assert names(searcher, "submarine", mode="lexical") == []


def test_files_with_equally_good_names_are_ranked_by_vectors(tmp_path: Path) -> None:
    files: Files = {f"italy/{n}.jpg": ("image", n / 200, "") for n in range(100)}
    assert names(searcher_of(tmp_path, files), "italy", top=3, mode="lexical") == ["99.jpg", "98.jpg", "97.jpg"]


def test_each_hit_tells_what_each_stage_made_of_it(searcher: Searcher) -> None:
    found = {Path(hit.item.path).name: hit.stages for hit in hits(searcher, "zeppelin")}
    assert list(found["zeppelin.txt"]) == ["dense", "names", "passages", "fused"]
    assert found["zeppelin.txt"]["passages"].rank == 1
    assert list(found["near.txt"]) == ["dense", "fused"]


def test_the_snippet_shows_where_the_words_stand(searcher: Searcher) -> None:
    found = {Path(hit.item.path).name: hit.snippet for hit in hits(searcher, "zeppelin mail")}
    assert "zeppelins carried mail" in found["zeppelin.txt"]
    assert len(found["zeppelin.txt"]) <= 160


def test_a_query_that_is_more_than_words_is_searched_by_vectors(searcher: Searcher) -> None:
    parts = (QueryPart("rigid zeppelin"), QueryPart(np.zeros((4, 4, 3), np.uint8)))
    found = searcher.search(Query(parts))
    assert all(list(hit.stages) == ["dense"] for hit in found)
    with pytest.raises(UsageError, match="words alone"):
        searcher.search(Query(parts), SearchRequest(mode="lexical"))


def test_an_index_without_words_is_searched_by_vectors_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Path(__file__).parent.parent / "store" / "format1"
    old = Searcher(Reader.open(str(shutil.copytree(source, tmp_path / "old"))), Pointer())
    assert hits(old, "tomatoes") == []  # its files are not on this disk
    assert "run `mmsearch index` once" in caplog.text
    with pytest.raises(UsageError, match="run `mmsearch index` once"):
        hits(old, "tomatoes", mode="lexical")


def test_all_segments_shows_each_part_of_a_file(tmp_path: Path) -> None:
    from mmsearch.store.writer import Writer
    from mmsearch.types import FileMetadata, Item, Span
    from tests.search.helpers import leaning
    from tests.store.helpers import IDENTITY

    path = tmp_path / "a.txt"
    path.write_text("x")
    items = [Item("", "a", "text", "text", n, Span("line", n, n), f"word{n}") for n in range(3)]
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        rows = np.stack([leaning(0.1 * n, 2 + n) for n in range(3)])
        writer.put_content("a", "text", "text", FileMetadata(), items, rows)
        writer.put_file(str(path), 1, path.stat().st_mtime_ns, "a", "text")
        writer.commit()
    searcher = Searcher(Reader.open(str(tmp_path / "index")), Pointer())
    for mode in ("dense", "hybrid"):
        assert [hit.item.ordinal for hit in hits(searcher, all_segments=True, mode=mode)] == [2, 1, 0]
    assert [hit.item.ordinal for hit in hits(searcher, "word0", all_segments=True)] == [0, 2, 1]
    assert [hit.item.ordinal for hit in hits(searcher, "word0")] == [0]


def test_a_cutoff_keeps_a_file_whose_nearest_part_passes_it(tmp_path: Path) -> None:
    from mmsearch.store.writer import Writer
    from mmsearch.types import FileMetadata, Item, Span
    from tests.search.helpers import leaning
    from tests.store.helpers import IDENTITY

    path = tmp_path / "a.txt"
    path.write_text("x")
    items = [Item("", "a", "text", "text", n, Span("line", n, n), f"word{n}") for n in range(2)]
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        rows = np.stack([leaning(0.9, 2), leaning(0.1, 3)])
        writer.put_content("a", "text", "text", FileMetadata(), items, rows)
        writer.put_file(str(path), 1, path.stat().st_mtime_ns, "a", "text")
        writer.commit()
    searcher = Searcher(Reader.open(str(tmp_path / "index")), Pointer())
    found = hits(searcher, "word1", min_relevance=0.5, raw=True)
    assert [hit.item.ordinal for hit in found] == [0]
    assert [hit.item.ordinal for hit in hits(searcher, "word1", raw=True)] == [1]
