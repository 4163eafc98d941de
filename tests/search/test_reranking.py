"""Reranking: best first and in time, only what is still what was indexed, and an answer whatever the model does."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.errors import MmsearchError
from mmsearch.search.searcher import Searcher
from mmsearch.types import MODALITIES, Hit, Modality, Query, Segment
from tests.search.helpers import Files, Pointer, hits, names, searcher_of

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


class Fixed(Reader):
    """A reranker whose scores are given, by text."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        super().__init__()
        self.scores = scores

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        return np.array([self.scores[str(segment.content)] for segment in segments], np.float32)


def reading(folder: Path, reranker: Reader, files: Files = FILES) -> Searcher:
    return searcher_of(folder, files, reranker)


def test_the_hits_that_are_read_are_ordered_by_the_reranker(tmp_path: Path) -> None:
    order = names(reading(tmp_path, Reader()), top=20, rerank_depth=5)
    assert sorted(order) == list(FILES)
    assert [name for name in order if name < "05"] == [f"{n:02}.txt" for n in (4, 3, 2, 1, 0)]
    assert [name for name in order if name >= "05"] == [f"{n:02}.txt" for n in range(5, 20)]


def test_all_hits_are_in_one_order_and_those_that_are_not_read_keep_their_relevance(tmp_path: Path) -> None:
    reader = Reader()
    searcher = reading(tmp_path, reader)
    before = {hit.item.path: hit.relevance for hit in hits(Searcher(searcher.reader, Pointer()), top=20)}
    found = hits(searcher, top=20, rerank_depth=5)
    relevances = [hit.relevance for hit in found]
    assert relevances == sorted(relevances, reverse=True)
    assert [hit.rank for hit in found] == list(range(1, 21))
    unread = [hit for hit in found if hit.rerank_score is None]
    assert len(unread) == 15
    assert {hit.item.path: hit.relevance for hit in unread}.items() < before.items()


def test_a_reranker_changes_which_hits_are_right_and_not_how_many(tmp_path: Path) -> None:
    for weight in (1.0, 0.25):
        reader = Reader()
        reader.weight = weight  # type: ignore[attr-defined]
        searcher = reading(tmp_path / str(weight), reader)
        before = hits(Searcher(searcher.reader, Pointer()), top=20)
        after = hits(searcher, top=20, rerank_depth=20)
        assert expected(after) == pytest.approx(expected(before), abs=1e-6)
        by_name = {hit.item.path: hit.relevance for hit in before}
        gains = {hit.rerank_score: hit.relevance - by_name[hit.item.path] for hit in after}
        steps = [gains[float(n + 1)] - gains[float(n)] for n in range(19)]
        assert steps == pytest.approx([weight] * 19), "log-odds are added with their weight"


def expected(found: Sequence[Hit]) -> float:
    """How many of the hits are right, by their relevance."""
    return sum(1 / (1 + math.exp(-hit.relevance)) for hit in found)


def test_scores_between_0_and_1_are_probabilities(tmp_path: Path) -> None:
    searcher = reading(tmp_path, Fixed({"passage 0": 0.0, "passage 1": 0.5, "passage 2": 0.75, "passage 3": 1.0}))
    before = [hit.relevance for hit in hits(Searcher(searcher.reader, Pointer()), top=4)]
    after = {hit.rerank_score: hit for hit in hits(searcher, top=20, rerank_depth=4)}
    gains = {score: after[score].relevance - before[n] for n, score in enumerate((0.0, 0.5, 0.75, 1.0))}
    assert gains[0.75] - gains[0.5] == pytest.approx(math.log(3))
    assert gains[0.5] - gains[0.0] == pytest.approx(math.log(1e6), abs=1e-3), "certainty is bounded"
    assert gains[1.0] - gains[0.5] == pytest.approx(math.log(1e6), abs=1e-3)


def test_a_file_that_is_named_like_the_query_stays_first_and_does_not_change_the_others(tmp_path: Path) -> None:
    scores = {f"passage {n}": float(n) for n in range(20)}
    with_name = reading(tmp_path, Fixed(scores | {"passage 7": -40.0}))
    first, *others = hits(with_name, "07.txt", top=20, rerank_depth=20)
    assert Path(first.item.path).name == "07.txt" and first.relevance >= 10 and first.rerank_score == -40.0
    before = hits(Searcher(with_name.reader, Pointer()), "07.txt", top=20)
    assert expected(others) == pytest.approx(expected(before[1:]), abs=1e-6)


def test_a_single_hit_that_is_read_keeps_its_relevance(tmp_path: Path) -> None:
    searcher = reading(tmp_path, Fixed({"passage 0": 30.0}))
    before = hits(Searcher(searcher.reader, Pointer()), top=1)
    assert hits(searcher, top=1, rerank_depth=1)[0].relevance == pytest.approx(before[0].relevance)


def test_the_least_relevance_is_that_after_reranking(tmp_path: Path) -> None:
    searcher = reading(tmp_path, Reader())
    everything = hits(searcher, top=20, rerank_depth=10)
    least = everything[6].relevance
    assert hits(searcher, top=20, rerank_depth=10, min_relevance=least) == everything[:7]


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
    order = [int(Path(hit.item.path).stem) for hit in found]
    assert [n for n in order if n < count] == list(reversed(range(count)))
    assert [n for n in order if n >= count] == list(range(count, 20))
    assert all((hit.rerank_score is not None) == (n < count) for n, hit in zip(order, found, strict=True))
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


def test_the_stage_of_the_reranker_is_shown(tmp_path: Path) -> None:
    found = hits(reading(tmp_path, Reader()), top=20, rerank_depth=3, explain=True)
    stages = {Path(hit.item.path).stem: hit.stages for hit in found}
    assert [stages[name].get("rerank") for name in ("00", "01", "02", "03")] == [(3, 0.0), (2, 1.0), (1, 2.0), None]
