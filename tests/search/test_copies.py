"""Files with the same bytes are one hit that lists the others, or hits of their own with `all_copies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mmsearch.search.query import QueryBuilder
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Hit, Item, Vectors
from tests.search.helpers import Pointer, hits, leaning
from tests.store.helpers import IDENTITY

COSINES = {"cat": 0.8, "dog": 0.7, "cow": 0.1}
"""Of pictures, by their content."""


def searcher_of_copies(
    folder: Path, contents: Mapping[str, str], pages: Mapping[str, Vectors] | None = None
) -> Searcher:
    """A searcher over files, each with one of `COSINES` as its content, or with one of `pages`, a row for each."""
    rows = {name: leaning(cosine, 2 + n)[None] for n, (name, cosine) in enumerate(COSINES.items())} | dict(pages or {})
    with Writer.open(str(folder / "index"), IDENTITY) as writer:
        for name, content in contents.items():
            path = folder / name
            path.write_text(content)
            modality = "document" if pages and content in pages else "image"
            items = [Item("", content, modality, modality, n) for n in range(len(rows[content]))]  # type: ignore[arg-type]
            if not writer.has_content(content, modality):
                writer.put_content(content, modality, modality, FileMetadata(), items, rows[content])  # type: ignore[arg-type]
            writer.put_file(str(path), len(content), path.stat().st_mtime_ns, content, modality)
        writer.commit()
    return Searcher(Reader.open(str(folder / "index")), Pointer())


def found(hits: Sequence[Hit]) -> list[tuple[str, list[str]]]:
    """The names of hits, each with those of its copies."""
    return [(Path(hit.item.path).name, [Path(path).name for path in hit.duplicates]) for hit in hits]


FILES = {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat", "d.jpg": "cow", "e.jpg": "cat"}


def test_copies_are_one_hit_that_lists_the_others(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    assert found(hits(searcher)) == [("a.jpg", ["c.jpg", "e.jpg"]), ("b.jpg", []), ("d.jpg", [])]
    assert found(hits(searcher, raw=True)) == found(hits(searcher))
    assert len(hits(searcher, top=2)) == 2, "copies take no places of others"


def test_all_copies_are_hits_of_the_same_relevance_when_they_are_wanted(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    separate = hits(searcher, all_copies=True)
    assert found(separate) == [(name, []) for name in ("a.jpg", "c.jpg", "e.jpg", "b.jpg", "d.jpg")]
    assert len({hit.relevance for hit in separate[:3]}) == 1
    assert [hit.relevance for hit in separate[2:]] == [hit.relevance for hit in hits(searcher)]


def test_the_copy_that_is_named_by_the_query_stands_for_all(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    first, *others = hits(searcher, "e.jpg")
    assert found([first]) == [("e.jpg", ["a.jpg", "c.jpg"])]
    assert first.relevance >= 10 > others[0].relevance


def test_a_copy_that_is_gone_is_neither_shown_nor_listed(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    (tmp_path / "a.jpg").unlink()
    assert found(hits(searcher))[0] == ("c.jpg", ["e.jpg"])
    (tmp_path / "e.jpg").unlink()
    assert found(hits(searcher))[0] == ("c.jpg", [])
    (tmp_path / "c.jpg").unlink()
    assert found(hits(searcher)) == [("b.jpg", []), ("d.jpg", [])]


def test_a_copy_takes_the_place_of_its_own_evidence_where_the_best_one_is_gone(tmp_path: Path) -> None:
    """It is not the first hit because a file was that is no longer there."""
    searcher = searcher_of_copies(tmp_path, {"red car.jpg": "cow", "x.jpg": "cow", "y.jpg": "cat", "z.jpg": "dog"})
    assert found(hits(searcher, "red car"))[0] == ("red car.jpg", ["x.jpg"])
    (tmp_path / "red car.jpg").unlink()
    for top in (1, 2, 10):
        after = hits(searcher, "red car", top=top)
        assert found(after) == [("y.jpg", []), ("z.jpg", []), ("x.jpg", [])][:top]
        relevances = [hit.relevance for hit in after]
        assert relevances == sorted(relevances, reverse=True) and relevances[0] < 10
    assert hits(searcher, "red car", min_relevance=9.0) == []


def test_of_equal_copies_one_that_has_not_changed_stands_for_all(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    (tmp_path / "a.jpg").write_text("another content")
    first = hits(searcher)[0]
    assert found([first]) == [("c.jpg", ["a.jpg", "e.jpg"])]
    assert not first.stale


def test_files_like_one_that_has_copies_begin_with_them(tmp_path: Path) -> None:
    searcher = searcher_of_copies(tmp_path, FILES)
    request = SearchRequest(like=(str(tmp_path / "c.jpg"),))
    query = QueryBuilder(searcher.reader, Pointer()).query(request)
    first, *others = searcher.search(query, request)
    assert found([first]) == [("a.jpg", ["e.jpg"])], "without itself"
    assert first.relevance >= 10 > others[0].relevance
    assert first.score == pytest.approx(1.0, abs=1e-3)


def test_a_copy_of_a_document_is_like_it_though_no_page_of_it_is(tmp_path: Path) -> None:
    """The example is the middle of its pages, to which a page of another document may be nearer."""
    middle = (leaning(0.0, 8) + leaning(0.0, 9)) / np.sqrt(2)
    pages = {"two": np.stack([leaning(0.0, 8), leaning(0.0, 9)]), "one": middle[None].astype(np.float32)}
    searcher = searcher_of_copies(tmp_path, {"a.pdf": "two", "copy.pdf": "two", "near.pdf": "one"}, pages)
    request = SearchRequest(like=(str(tmp_path / "a.pdf"),))
    query = QueryBuilder(searcher.reader, Pointer()).query(request)
    order = found(searcher.search(query, request))
    assert [name for name, _ in order] == ["copy.pdf", "near.pdf"]
