"""The order of hits: by relevance, whatever the number asked for, the depth and the division into indexes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.search import ranking, searcher
from mmsearch.search.searcher import Searcher
from mmsearch.store import open_reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Span, Vectors
from tests.search.helpers import Pointer, hits
from tests.store.helpers import DIM, IDENTITY

WORDS = ("red", "car", "boat", "tomato", "mountain", "the")


class Entry(NamedTuple):
    """A file: its content is one of a few, so that there are copies, and says in which index it is if there are two."""

    content: int
    modality: Modality
    parts: int


entries = st.lists(
    st.builds(Entry, st.integers(0, 30), st.sampled_from(["text", "image", "audio"]), st.integers(1, 6)),
    min_size=1,
    max_size=40,
)


def content_of(entry: Entry) -> tuple[list[Item], Vectors]:
    """Parts that depend on nothing but the content, with texts of a few words."""
    draw = np.random.default_rng(entry.content * 10 + entry.parts)
    rows = draw.normal(size=(entry.parts, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    digest = f"{entry.modality}-{entry.content}-{entry.parts}"
    texts = [" ".join(draw.choice(WORDS, 3)) if entry.modality == "text" else "" for _ in range(entry.parts)]
    items = [
        Item("", digest, entry.modality, entry.modality, number, Span("line", number, number), text)
        for number, text in enumerate(texts)
    ]
    return items, rows.astype(np.float32)


@contextmanager
def searcher_over(files: Sequence[Entry], shards: int) -> Iterator[Searcher]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        directories = [str(folder / f"index{number}") for number in range(shards)]
        for number, directory in enumerate(directories):
            with Writer.open(directory, IDENTITY) as writer:
                for position, entry in enumerate(files):
                    if entry.content % shards == number:
                        path = folder / f"{WORDS[position % len(WORDS)]}{position}"
                        path.write_text("x")
                        items, rows = content_of(entry)
                        digest = items[0].digest
                        writer.put_content(digest, entry.modality, entry.modality, FileMetadata(), items, rows)
                        writer.put_file(str(path), 1, path.stat().st_mtime_ns, digest, entry.modality)
                writer.commit()
        with open_reader(directories) as reader:
            yield Searcher(reader, Pointer())


def names_of(searcher: Searcher, text: str, **options: object) -> list[str]:
    return [f"{Path(hit.item.path).name}:{hit.item.ordinal}" for hit in hits(searcher, text, **options)]


options = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["dense", "hybrid", "lexical"]),
        "raw": st.booleans(),
        "all_segments": st.booleans(),
        "all_copies": st.booleans(),
    }
).filter(lambda options: not (options["raw"] and options["mode"] == "lexical"))
queries = st.lists(st.sampled_from([*WORDS, "red1", "nothing"]), min_size=1, max_size=3).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(entries, options, queries, st.integers(1, 5), st.integers(1, 2))
def test_the_first_hits_do_not_depend_on_how_many_are_asked_for(
    files: list[Entry], options: dict[str, object], query: str, depth: int, shards: int
) -> None:
    with (
        patch.object(ranking, "FIRST_DEPTH", depth),
        patch.object(searcher, "FIRST_DEPTH", depth),
        searcher_over(files, shards) as index,
    ):
        everything = hits(index, query, top=1000, **options)
        relevances = [hit.relevance for hit in everything]
        assert relevances == sorted(relevances, reverse=True)
        for top in (1, 3, 10):
            assert [hit.id for hit in hits(index, query, top=top, **options)] == [hit.id for hit in everything[:top]]


@settings(max_examples=25, deadline=None)
@given(entries, options, queries)
def test_the_order_is_the_same_however_the_files_are_divided(
    files: list[Entry], options: dict[str, object], query: str
) -> None:
    with searcher_over(files, 1) as one, searcher_over(files, 2) as two:
        first, second = hits(one, query, top=1000, **options), hits(two, query, top=1000, **options)
    assert [hit.relevance for hit in second] == pytest.approx([hit.relevance for hit in first], abs=1e-5)
    assert {Path(hit.item.path).name for hit in second} == {Path(hit.item.path).name for hit in first}


@settings(max_examples=25, deadline=None)
@given(entries, queries)
def test_nothing_is_found_twice_and_nothing_is_lost(files: list[Entry], query: str) -> None:
    with searcher_over(files, 1) as index:
        found = hits(index, query, top=1000)
        paths = [path for hit in found for path in (hit.item.path, *hit.duplicates)]
    assert len(set(paths)) == len(paths) == len(files)
