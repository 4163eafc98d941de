"""The arithmetic of calibration: bins partition the hits, and the error is that of a direct computation."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.extras.evaluation.reliability import BINS, reliability
from mmsearch.search.relevance import probability

HITS = st.lists(st.tuples(st.floats(-40, 40), st.booleans()))


@given(st.floats(-700, 700))
def test_a_probability_is_the_logistic_of_log_odds(relevance: float) -> None:
    assert 0 <= probability(relevance) <= 1
    assert probability(relevance) + probability(-relevance) == pytest.approx(1)
    if abs(relevance) < 30:
        odds = probability(relevance) / (1 - probability(relevance))
        assert math.log(odds) == pytest.approx(relevance, rel=1e-3, abs=1e-6)


def test_even_odds_are_one_half_and_extremes_are_finite() -> None:
    assert [probability(value) for value in (0.0, math.inf, -math.inf, 1e9, -1e9)] == [0.5, 1, 0, 1, 0]


@given(HITS)
def test_bins_partition_the_hits(hits: list[tuple[float, bool]]) -> None:
    figures = reliability(hits)
    assert sum(each.count for each in figures.bins) == figures.count == len(hits)
    assert all(each.low - 1e-9 <= each.predicted <= each.high + 1e-9 for each in figures.bins)
    assert all(each.count > 0 and 0 <= each.right <= 1 for each in figures.bins)
    assert [each.low for each in figures.bins] == sorted({each.low for each in figures.bins})
    assert sum(each.right * each.count for each in figures.bins) == pytest.approx(sum(right for _, right in hits))
    json.dumps(figures.to_json(), allow_nan=False)


@given(HITS)
def test_the_error_is_the_weighted_gap_of_the_bins(hits: list[tuple[float, bool]]) -> None:
    expected = 0.0
    for number in range(BINS):
        inside = [(value, right) for value, right in hits if min(int(probability(value) * BINS), BINS - 1) == number]
        expected += abs(sum(probability(value) - right for value, right in inside))
    figures = reliability(hits)
    assert figures.error == pytest.approx(expected / max(1, len(hits)))
    assert 0 <= figures.error <= 1


@given(HITS)
def test_shares_above_a_threshold_count_those_hits_alone(hits: list[tuple[float, bool]]) -> None:
    for threshold, (count, right) in reliability(hits).at_least.items():
        above = [is_right for value, is_right in hits if value >= threshold]
        assert count == len(above)
        assert right == (pytest.approx(sum(above) / len(above)) if above else None)


def test_honest_odds_have_no_error_and_boasts_have_much() -> None:
    honest = [(math.log(3), True)] * 3 + [(math.log(3), False)]
    assert reliability(honest).error == pytest.approx(0)
    assert reliability([(20.0, False)] * 5).error == pytest.approx(1)
    assert reliability([]).to_json() == {
        "hits": 0,
        "error": 0.0,
        "bins": [],
        "at_least": [{"relevance": 0, "count": 0, "right": None}, {"relevance": 2, "count": 0, "right": None}],
    }
