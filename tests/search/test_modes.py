"""By vectors, by words, or by both: what words add, and that they take nothing away."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import UsageError
from mmsearch.search import ranking
from mmsearch.search.ranking import FIRST_DEPTH
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Query, QueryPart, Span, Vectors
from tests.search.helpers import Files, Pointer, hits, leaning, names, searcher_of
from tests.store.helpers import IDENTITY

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


class Untouched(Pointer):
    """A model that must not be used."""

    def embed_query(self, query: Query) -> Vectors:
        raise AssertionError(f"embedded {query.text}")

    def known_share(self, text: str) -> float:
        raise AssertionError(f"embedded {text}")


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    return searcher_of(tmp_path, FILES)


def test_a_note_that_holds_the_words_comes_before_a_nearer_one(searcher: Searcher) -> None:
    order = names(searcher, "rigid zeppelin")
    assert order.index("zeppelin.txt") < order.index("near.txt")
    order = names(searcher, "rigid zeppelin", mode="dense")
    assert order.index("near.txt") < order.index("zeppelin.txt")


def test_raw_cosines_leave_no_place_for_words_and_names(searcher: Searcher) -> None:
    by_vectors = names(searcher, mode="dense", raw=True)
    assert by_vectors[:3] == ["photo1.jpg", "photo2.jpg", "near.txt"]
    for query in ("rigid zeppelin", "red car", "photo2.jpg", '"nothing of the kind"'):
        assert names(searcher, query, raw=True) == by_vectors


def test_a_search_by_words_has_no_cosines_to_rank_by(searcher: Searcher) -> None:
    with pytest.raises(UsageError, match="leave out --raw"):
        names(searcher, mode="lexical", raw=True)


def test_a_name_is_found_by_its_words(searcher: Searcher) -> None:
    assert names(searcher, "red car", mode="lexical") == ["IMG_red-car2.jpg"]
    assert names(searcher, "red car")[0] == "IMG_red-car2.jpg"


def test_a_folder_is_found_by_its_words(searcher: Searcher) -> None:
    assert names(searcher, "holiday", mode="lexical") == ["IMG_red-car2.jpg"]


def test_a_hybrid_is_the_ranking_by_vectors_where_words_match_nothing(searcher: Searcher) -> None:
    assert names(searcher, "submarine") == names(searcher, "submarine", mode="dense")
    assert names(searcher, "???") == names(searcher, "???", mode="dense")


def test_phrases_and_exclusions_hold_for_pictures_by_their_names(searcher: Searcher) -> None:
    assert names(searcher, '"red car"') == ["IMG_red-car2.jpg"]
    assert names(searcher, '"car red"') == []
    without = names(searcher, "photo -photo1")
    assert set(without) == {Path(name).name for name in FILES} - {"photo1.jpg"}
    assert names(searcher, "anything -holidays", top=20) == [
        name for name in names(searcher, top=20) if name != "IMG_red-car2.jpg"
    ]


def test_phrases_and_exclusions_hold_for_what_is_in_a_note(searcher: Searcher) -> None:
    assert names(searcher, '"rigid zeppelins carried"') == ["zeppelin.txt"]
    assert "zeppelin.txt" not in names(searcher, "airships -mail")
    assert names(searcher, "-mail airships", mode="lexical") == []
    assert names(searcher, '"of the kind" -kinds') == []


def test_a_picture_that_holds_the_phrase_is_found_beyond_any_number_of_nearer_ones(tmp_path: Path) -> None:
    nearer: Files = {f"red/{n}.jpg": ("image", 0.9 - n / 1000, "") for n in range(2 * FIRST_DEPTH)}
    searcher = searcher_of(tmp_path, nearer | {"a red car.jpg": ("image", 0.1, ""), "car red.jpg": ("image", 0.2, "")})
    assert names(searcher, 'sunset "red car"', top=1) == ["a red car.jpg"]
    assert names(searcher, "sunset -red", top=1) == []
    assert names(searcher, 'car -"red car"', mode="lexical") == ["car red.jpg"]


def test_a_search_by_words_alone_finds_only_what_holds_them(searcher: Searcher) -> None:
    assert names(searcher, "zeppelin mail", mode="lexical") == ["zeppelin.txt"]
    assert names(searcher, "submarine", mode="lexical") == []


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_a_pasted_paragraph_finds_the_note_that_holds_some_of_its_words(tmp_path: Path, mode: str) -> None:
    files: Files = {
        "garden.txt": (
            "text",
            0.3,
            "Plant tomatoes deep after the last frosts. Water them in the morning, at the roots.",
        ),
        "chain.txt": ("text", 0.3, "Oil the chain in the morning."),
    }
    paragraph = (
        "I am looking for the notes I made last spring about growing vegetables at home. There was a section on when to"
        " plant the tomatoes out after the last frosts, how deep they have to go, how far apart they should be, and"
        " that you water them in the morning at the roots and never on the leaves. It also had something"
        " about beans climbing up poles, about slugs and beer traps, and about the bed in October when everything ends."
    )
    found = names(searcher_of(tmp_path, files), paragraph, mode=mode)
    assert found[0] == "garden.txt"
    assert mode == "hybrid" or found == ["garden.txt"]


def test_files_with_equally_good_names_are_ranked_by_vectors(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path, {f"italy/{n}.jpg": ("image", n / 200, "") for n in range(100)})
    assert names(searcher, "italy", top=3) == ["99.jpg", "98.jpg", "97.jpg"]


def test_a_search_by_words_alone_embeds_nothing_and_lists_equals_by_path(tmp_path: Path) -> None:
    indexed = searcher_of(tmp_path, {f"italy/{n}.jpg": ("image", n / 200, "") for n in range(100)})
    searcher = Searcher(indexed.reader, Untouched())
    found = hits(searcher, "italy", top=3, mode="lexical")
    assert [Path(hit.item.path).name for hit in found] == ["0.jpg", "1.jpg", "10.jpg"]
    assert [hit.score for hit in found] == [0.0] * 3
    with pytest.raises(AssertionError, match="embedded"):
        hits(searcher, "italy")


def test_each_hit_tells_what_each_stage_made_of_it(searcher: Searcher) -> None:
    found = {Path(hit.item.path).name: hit.stages for hit in hits(searcher, "zeppelin", explain=True)}
    assert list(found["zeppelin.txt"]) == ["dense", "names", "passages", "fused"]
    assert found["zeppelin.txt"]["passages"].rank == 1
    assert list(found["near.txt"]) == ["dense", "fused"]


@pytest.mark.parametrize(
    "options", [{}, {"all_segments": True}, {"all_copies": True}, {"mode": "lexical"}, {"raw": True}]
)
def test_hits_are_the_same_where_only_the_best_candidates_are_located(
    searcher: Searcher, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = ("zeppelin", "zeppelin mail", "photo1", "something else")
    explained = [hits(searcher, query, explain=True, **options) for query in queries]
    assert all(hit.stages for found in explained for hit in found)
    monkeypatch.setattr(ranking, "FIRST_DEPTH", 1)
    for query, expected in zip(queries, explained, strict=True):
        assert hits(searcher, query, **options) == [replace(hit, stages={}) for hit in expected]


def test_the_snippet_shows_where_the_words_stand(searcher: Searcher) -> None:
    found = {Path(hit.item.path).name: hit.snippet for hit in hits(searcher, "zeppelin mail")}
    assert "zeppelins carried mail" in found["zeppelin.txt"]
    assert len(found["zeppelin.txt"]) <= 160


def test_a_query_that_is_more_than_words_is_searched_by_vectors(searcher: Searcher) -> None:
    parts = (QueryPart("rigid zeppelin"), QueryPart(np.zeros((4, 4, 3), np.uint8)))
    found = searcher.search(Query(parts), SearchRequest(explain=True))
    assert found and all(list(hit.stages) == ["dense"] for hit in found)
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


def searcher_of_parts(folder: Path, cosines: Sequence[float]) -> Searcher:
    """A searcher over one note whose part number N holds `wordN`, at such a cosine to every query."""
    path = folder / "a.txt"
    path.write_text("x")
    items = [Item("", "a", "text", "text", n, Span("line", n, n), f"word{n}") for n in range(len(cosines))]
    with Writer.open(str(folder / "index"), IDENTITY) as writer:
        rows = np.stack([leaning(cosine, 2 + n) for n, cosine in enumerate(cosines)])
        writer.put_content("a", "text", "text", FileMetadata(), items, rows)
        writer.put_file(str(path), 1, path.stat().st_mtime_ns, "a", "text")
        writer.commit()
    return Searcher(Reader.open(str(folder / "index")), Pointer())


def test_all_segments_shows_each_part_of_a_file(tmp_path: Path) -> None:
    searcher = searcher_of_parts(tmp_path, (0.0, 0.1, 0.2))
    for mode in ("dense", "hybrid"):
        assert [hit.item.ordinal for hit in hits(searcher, all_segments=True, mode=mode)] == [2, 1, 0]
    assert [hit.item.ordinal for hit in hits(searcher, "word0", all_segments=True)] == [0, 2, 1]
    assert [hit.item.ordinal for hit in hits(searcher, "word0")] == [0]


def test_the_best_part_of_a_file_is_shown_and_cut_off_by_its_own_relevance(tmp_path: Path) -> None:
    searcher = searcher_of_parts(tmp_path, (0.3, 0.25))
    [raw] = hits(searcher, "word1", raw=True)
    assert raw.item.ordinal == 0
    assert hits(searcher, "word1", raw=True, min_relevance=0.29) == [raw]
    assert hits(searcher, "word1", raw=True, min_relevance=0.31) == []
    [best] = hits(searcher, "word1")
    assert best.item.ordinal == 1
    assert hits(searcher, "word1", min_relevance=best.relevance) == [best]
    assert hits(searcher, "word1", min_relevance=best.relevance + 0.01) == []
