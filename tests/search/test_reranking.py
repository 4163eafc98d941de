"""Reranking: best first and in time, only what is still what was indexed, and an answer whatever the model does."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.errors import MmsearchError
from mmsearch.search.searcher import Searcher
from mmsearch.types import MODALITIES, Modality, Query, Segment
from tests.search.helpers import Files, hits, names, searcher_of

FILES: Files = {f"{n:02}.txt": ("text", 0.9 - n / 50, f"passage {n}") for n in range(20)}


class Reader:
    """A reranker that likes the last of what it is given best, and takes its time."""

    name = "slow"
    modalities: frozenset[Modality] = frozenset(MODALITIES)

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.read: list[str] = []

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        scores = []
        for segment in segments:
            time.sleep(self.seconds)
            self.read.append(str(segment.content))
            scores.append(float(str(segment.content).split()[-1]))
        return np.array(scores, np.float32)


class Failing(Reader):
    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        if self.error is None:
            return np.full(len(segments), np.nan, np.float32)
        raise self.error


def reading(folder: Path, reranker: Reader, files: Files = FILES) -> Searcher:
    return searcher_of(folder, files, reranker)


def test_the_candidates_are_ordered_by_the_reranker(tmp_path: Path) -> None:
    order = names(reading(tmp_path, Reader()), top=20, rerank_depth=5)
    assert order == [f"{n:02}.txt" for n in (4, 3, 2, 1, 0, *range(5, 20))]


def test_a_slow_reranker_stops_in_time_with_the_best_read_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(seconds=0.5)  # ten seconds for all twenty
    searcher = reading(tmp_path, reader)
    began = time.monotonic()
    found = hits(searcher, top=20, rerank_budget=2.0)
    assert time.monotonic() - began < 3
    count = len(reader.read)
    assert 1 <= count < 6
    assert reader.read == [f"passage {n}" for n in range(count)]
    order = [Path(hit.item.path).stem for hit in found]
    assert order == [f"{n:02}" for n in (*reversed(range(count)), *range(count, 20))]
    assert [hit.rerank_score is not None for hit in found] == [True] * count + [False] * (20 - count)
    assert f"reranked the best {count} of 20 in" in caplog.text


def test_a_quick_reranker_reads_all_within_its_budget(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reader = Reader()
    found = hits(reading(tmp_path, reader), top=20, rerank_budget=60.0)
    assert len(reader.read) == 20
    assert found[0].item.path.endswith("19.txt")
    assert not caplog.text


def test_a_budget_of_nothing_still_answers(tmp_path: Path) -> None:
    assert len(hits(reading(tmp_path, Reader()), top=20, rerank_budget=0.0)) == 20


@pytest.mark.parametrize("error", [MmsearchError("no memory\nleft"), RuntimeError("CUDA"), None])
def test_a_failing_reranker_leaves_the_order_of_retrieval(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    order = names(reading(tmp_path, Failing(error)), top=20)
    assert order == list(FILES)
    [record] = caplog.records
    assert record.getMessage().startswith("not reranked: ")
    assert "\n" not in record.getMessage()


def test_only_the_chosen_types_are_read(tmp_path: Path) -> None:
    reader = Reader()
    names(reading(tmp_path, reader), rerank_types=("image",))
    assert reader.read == []


def test_a_file_with_other_bytes_than_were_indexed_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files: Files = {"a.png": ("image", 0.9, ""), "b.txt": ("text", 0.5, "passage 1")}
    reader = Reader()
    searcher = reading(tmp_path, reader, files)
    before = os.stat(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("x.png")
    os.utime(tmp_path / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    found = hits(searcher)
    assert reader.read == ["passage 1"]
    assert "a.png: it has changed" in caplog.text
    assert {Path(hit.item.path).name: hit.rerank_score for hit in found} == {"a.png": None, "b.txt": 1.0}


def test_the_stage_of_the_reranker_is_told(tmp_path: Path) -> None:
    found = hits(reading(tmp_path, Reader()), top=3, rerank_depth=3)
    assert [hit.stages["rerank"] for hit in found] == [(1, 2.0), (2, 1.0), (3, 0.0)]
