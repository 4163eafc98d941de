"""An answer is of one committed state, also when vector files are merged and removed while it is being found."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader, compaction
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality
from tests.search.helpers import Pointer, hits, leaning, names, searcher_of
from tests.store.helpers import IDENTITY


def put(writer: Writer, path: Path, modality: Modality) -> None:
    path.write_text(path.name)
    item = Item("", path.name, modality, modality, 0)
    writer.put_content(path.name, modality, modality, FileMetadata(), [item], leaning(0.5, 3)[None])
    writer.put_file(str(path), len(path.name), path.stat().st_mtime_ns, path.name, modality)


def replace_all(folder: Path, modality: Modality, count: int = 2 * compaction.MOST_SEGMENTS) -> None:
    """Commit until none of the vector files that were there is."""
    before = set((folder / ".mmsearch" / "vectors").rglob("*.faiss"))
    with Writer.open(str(folder / ".mmsearch"), IDENTITY) as writer:
        for number in range(count):
            for kind in {modality, "image"}:
                put(writer, folder / f"{number}.{kind}", kind)  # type: ignore[arg-type]
            writer.commit()
    assert before.isdisjoint((folder / ".mmsearch" / "vectors").rglob("*.faiss"))


def test_an_answer_over_several_partitions_is_of_one_state(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path, {"a.png": ("image", 0.9, ""), "b.txt": ("text", 0.8, "anything")})
    replace_all(tmp_path, "text")
    assert sorted(names(searcher, top=100)) == ["a.png", "b.txt"]
    scores = {Path(hit.item.path).name: hit.score for hit in hits(searcher, top=100)}
    assert scores == pytest.approx({"a.png": 0.9, "b.txt": 0.8}, abs=1e-3)


def test_what_is_merged_before_the_first_question_is_answered_anew(tmp_path: Path) -> None:
    searcher_of(tmp_path, {"a.png": ("image", 0.9, "")}).reader.close()
    with Reader.open(str(tmp_path / ".mmsearch")) as reader:
        replace_all(tmp_path, "text")
        searcher = Searcher(reader, Pointer())  # type: ignore[arg-type]
        assert set(searcher.counts) == {"image", "text"}
        assert len(names(searcher, top=100)) == 1 + 4 * compaction.MOST_SEGMENTS
