"""Calibrated ranking against raw cosine where the right answers and the gap between modalities are known.

Through the real store, reader and searcher; only the vectors are generated, see tests/gap.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.extras.evaluation import Question, Report, evaluate, settings_by_name
from mmsearch.types import Reranker
from tests.gap import Gap, generate
from tests.given import make


def no_reranker() -> Reranker:
    raise AssertionError("no setting wants one")


def measured(gap: Gap, folder: Path, seed: int) -> Report:
    world = generate(gap, folder, seed)
    with make(folder, world.files) as reader:
        questions: list[Question] = [*world.mixed, *world.single]
        return evaluate(questions, reader, world.embedder, settings_by_name(["raw", "calibrated"]), no_reranker)


def ndcg(report: Report, mixed: bool) -> tuple[float, float]:
    """The mean nDCG@10, raw and calibrated, of mixed or of single-modality questions; 1 where there are none."""
    raw, calibrated = (
        [result.scores["ndcg@10"] for result in outcome.results if (result.pair == "mixed") == mixed] or [1.0]
        for outcome in report.outcomes
    )
    return float(np.mean(raw)), float(np.mean(calibrated))


def by_modality(report: Report) -> dict[str, tuple[float, float]]:
    raw, calibrated = (outcome.results for outcome in report.outcomes)
    groups: dict[str, list[tuple[float, float]]] = {}
    for one, other in zip(raw, calibrated, strict=True):
        groups.setdefault(one.pair, []).append((one.scores["ndcg@10"], other.scores["ndcg@10"]))
    return {
        pair: (float(np.mean([a for a, _ in some])), float(np.mean([b for _, b in some])))
        for pair, some in groups.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_calibration_wins_ten_points_on_mixed_questions_and_loses_none_on_single_ones(
    tmp_path: Path, seed: int
) -> None:
    report = measured(Gap({"text": 60, "image": 60, "audio": 60}), tmp_path, seed)
    raw, calibrated = ndcg(report, mixed=True)
    assert raw < 0.85, "without a gap that hurts, nothing is shown"
    assert calibrated >= raw + 0.10
    for modality, (before, after) in by_modality(report).items():
        assert after >= before - 0.01, modality


SIZES = {
    "three files": Gap({"text": 1, "image": 1, "audio": 1}),
    "a dozen": Gap({"text": 4, "image": 4, "audio": 4}),
    "mostly text": Gap({"text": 300, "image": 30, "audio": 8}),
    "mostly pictures": Gap({"text": 20, "image": 300, "audio": 8}),
    "noisy pictures": Gap({"text": 60, "image": 60, "audio": 60}, noise={"image": 1.3, "text": 0.4}),
    "five modalities": Gap({"text": 40, "image": 40, "document": 40, "audio": 40, "video": 40}),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SIZES)
def test_calibration_holds_for_any_sizes(tmp_path: Path, name: str, seed: int) -> None:
    report = measured(SIZES[name], tmp_path, seed)
    raw, calibrated = ndcg(report, mixed=True)
    assert calibrated >= min(raw + 0.10, 0.95)
    raw, calibrated = ndcg(report, mixed=False)
    assert calibrated >= raw - 0.01


UNBALANCED = {
    "few notes": Gap({"text": 12, "image": 300, "audio": 60}),
    "a handful among many": Gap({"text": 8, "image": 400, "audio": 4}),
    "a handful of two kinds": Gap({"text": 6, "image": 6, "audio": 300}),
    "few notes, noisy pictures": Gap({"text": 12, "image": 300, "audio": 30}, noise={"image": 1.3}),
    "no gap": Gap({"text": 6, "image": 300, "audio": 12}, offset=0.0),
}


@pytest.mark.parametrize("name", UNBALANCED)
def test_calibration_costs_no_modality_where_there_is_little_of_it(tmp_path: Path, name: str) -> None:
    reports = [measured(UNBALANCED[name], tmp_path / str(seed), seed) for seed in range(2)]
    mixed = np.mean([ndcg(report, mixed=True) for report in reports], axis=0)
    assert mixed[1] >= min(mixed[0] + 0.10, 0.95)
    for modality in ("text", "image", "audio"):
        raw, calibrated = np.mean([by_modality(report)[modality] for report in reports], axis=0)
        assert calibrated >= raw - 0.01, modality


def test_calibration_holds_for_thousands_of_files(tmp_path: Path) -> None:
    report = measured(Gap({"text": 400, "image": 1600, "audio": 60}, dim=128), tmp_path, 0)
    raw, calibrated = ndcg(report, mixed=True)
    assert calibrated >= raw + 0.10
    raw, calibrated = ndcg(report, mixed=False)
    assert calibrated >= raw - 0.01


@pytest.mark.parametrize("seed", range(2))
def test_without_a_gap_calibration_costs_nothing(tmp_path: Path, seed: int) -> None:
    report = measured(Gap({"text": 60, "image": 60, "audio": 60}, offset=0.0), tmp_path, seed)
    for mixed in (True, False):
        raw, calibrated = ndcg(report, mixed)
        assert calibrated >= raw - 0.01
