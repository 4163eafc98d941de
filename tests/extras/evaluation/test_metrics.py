"""The four measures are those of trec_eval, and intervals are repeatable."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmsearch.extras.evaluation import METRICS, bootstrap
from mmsearch.extras.evaluation.metrics import first_rank, ndcg, recall, reciprocal_rank


def test_perfect_ranking_scores_one_everywhere() -> None:
    grades = {"a": 1.0, "b": 1.0}
    assert {name: metric(["a", "b", "c"], grades) for name, metric in METRICS.items()} == {
        "ndcg@10": 1.0, "recall@1": 0.5, "recall@5": 1.0, "recall@10": 1.0, "mrr": 1.0,
    }  # fmt: skip


def test_nothing_found_scores_zero() -> None:
    assert all(metric([], {"a": 1.0}) == 0 for metric in METRICS.values())
    assert first_rank([], {"a": 1.0}) is None


def test_ndcg_by_hand() -> None:
    # Grades 3 and 1: found at ranks 3 and 1.
    gained = 1 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 1 / math.log2(3)
    assert ndcg(["b", "x", "a"], {"a": 3.0, "b": 1.0}, 10) == pytest.approx(gained / ideal)


def test_ndcg_is_out_of_what_fits_into_the_first_ten() -> None:
    grades = {str(at): 1.0 for at in range(30)}
    assert ndcg([str(at) for at in range(10)], grades, 10) == pytest.approx(1.0)


def test_recall_is_out_of_all_relevant_files() -> None:
    assert recall(["a", "x", "b"], {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, 3) == 0.5
    assert recall(["x", "a"], {"a": 1.0}, 1) == 0.0


def test_reciprocal_rank_is_that_of_the_first_right_answer() -> None:
    assert reciprocal_rank(["x", "y", "a", "b"], {"a": 1.0, "b": 1.0}) == pytest.approx(1 / 3)


def test_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    rng = np.random.default_rng(0)
    few, many = bootstrap(rng.random(20).tolist()), bootstrap(rng.random(2000).tolist())
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    # The mean of 2,000 uniform values has a standard error of 0.2887 / sqrt(2000).
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.2887 / math.sqrt(2000), rel=0.1)


def test_interval_is_the_same_each_time() -> None:
    values = [0.0, 0.25, 1.0, 1.0, 0.5]
    assert bootstrap(values) == bootstrap(values)


def test_one_value_is_its_own_interval() -> None:
    assert bootstrap([0.5]) == bootstrap([0.5, 0.5])
    assert bootstrap([0.5]).low == bootstrap([0.5]).high == 0.5


def test_all_measures_agree_with_trec_eval() -> None:
    measures = pytest.importorskip("ir_measures", reason="ir-measures, the reference, is not installed")
    rng = np.random.default_rng(7)
    names = [f"file{at}" for at in range(300)]
    theirs = {
        "ndcg@10": measures.nDCG @ 10, "recall@1": measures.R @ 1, "recall@5": measures.R @ 5,
        "recall@10": measures.R @ 10, "mrr": measures.RR,
    }  # fmt: skip
    for question in range(50):
        grades = {str(name): int(rng.integers(1, 4)) for name in rng.choice(names, int(rng.integers(1, 25)), False)}
        found = [str(name) for name in rng.choice(names, 100, False)]
        judged = [measures.Qrel("q", name, grade) for name, grade in grades.items()]
        ranked = [measures.ScoredDoc("q", name, -rank) for rank, name in enumerate(found)]
        expected = measures.calc_aggregate(list(theirs.values()), judged, ranked)
        for name, measure in theirs.items():
            assert METRICS[name](found, grades) == pytest.approx(expected[measure], abs=1e-6), (question, name)
