"""Hits that are nearly the same become one that lists the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality
from tests.search.helpers import Pointer, hits, leaning, names
from tests.store.helpers import IDENTITY


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    """A picture, its copy, one that is nearly the same, another, and a sound with the very vector of the first."""
    near = leaning(0.8, 2) + 0.05 * leaning(0.0, 5)
    rows = {
        "a": leaning(0.8, 2),
        "a2": None,
        "near": near / np.linalg.norm(near),
        "b": leaning(0.7, 3),
        "s": leaning(0.8, 2),
    }
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        for name, row in rows.items():
            modality: Modality = "audio" if name == "s" else "image"
            path = tmp_path / name
            path.write_text(name)
            digest = name[0] if name == "a2" else name
            if row is not None:
                item = Item("", digest, modality, modality)
                writer.put_content(digest, "kind", modality, FileMetadata(), [item], row[None].astype(np.float32))
            writer.put_file(str(path), len(name), path.stat().st_mtime_ns, digest, "kind")
        writer.commit()
    return Searcher(Reader.open(str(tmp_path / "index")), Pointer())


def test_copies_and_near_copies_are_one_hit(searcher: Searcher) -> None:
    found = {
        Path(hit.item.path).name: [Path(path).name for path in hit.duplicates] for hit in hits(searcher, fold=True)
    }
    assert found == {"a": ["a2", "near"], "b": [], "s": []}


def test_folding_happens_before_the_cut(searcher: Searcher) -> None:
    assert len(names(searcher, top=3, fold=True, raw=True)) == 3


def test_nothing_but_copies_is_folded_unless_asked_for(searcher: Searcher) -> None:
    found = {Path(hit.item.path).name: [Path(path).name for path in hit.duplicates] for hit in hits(searcher)}
    assert found == {"a": ["a2"], "near": [], "b": [], "s": []}


def test_copies_that_are_hits_of_their_own_are_folded_as_well(searcher: Searcher) -> None:
    found = hits(searcher, fold=True, all_copies=True, raw=True)
    assert [len(hit.duplicates) for hit in found if hit.item.modality == "image"] == [2, 0]
    assert len({path for hit in found for path in (hit.item.path, *hit.duplicates)}) == 5
