"""Relevance: a prior and the evidence of vectors, words and the name, added up as logarithms of odds."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.search.relevance import EXACT, MOST, STEADY, Evidence, log_prior, log_sum, of_name, of_words
from mmsearch.store.word_lookup import NameMatch
from mmsearch.store.word_search import WordMatch

ratios = st.floats(-60, 60)
evidence = st.builds(Evidence, ratios, ratios, ratios, ratios, st.just(False))


def named(covered: float, total: float = 10.0, precision: float = 1.0) -> NameMatch:
    return NameMatch("/a", (1,), covered, total, False, precision)


# --- the sum ---


def test_evidence_is_added_to_the_prior() -> None:
    assert Evidence(-3.0, 1.0, 2.0, 0.5).relevance == pytest.approx(0.5)


@given(evidence)
def test_relevance_is_finite_and_nothing_but_the_very_thing_reaches_its_highest(found: Evidence) -> None:
    assert math.isfinite(found.relevance) and found.relevance <= MOST < EXACT
    assert found._replace(exact=True).relevance >= EXACT


@given(evidence, st.floats(0, 20), st.sampled_from(["prior", "vectors", "words", "name"]))
def test_more_evidence_of_any_kind_never_lowers_relevance(found: Evidence, more: float, kind: str) -> None:
    for exact in (False, True):
        before = found._replace(exact=exact)
        assert before._replace(**{kind: getattr(found, kind) + more}).relevance >= before.relevance - 1e-9


def test_relevance_grows_ever_slower_above_odds_that_are_certain_of_little() -> None:
    assert Evidence(STEADY).relevance == STEADY
    steps = [Evidence(STEADY + n + 1).relevance - Evidence(STEADY + n).relevance for n in range(10)]
    assert steps[0] < 1 and all(earlier > later > 0 for earlier, later in pairwise(steps))


def test_of_several_files_that_are_the_very_thing_the_one_with_more_evidence_comes_first() -> None:
    assert Evidence(-8.0, 4.0, exact=True).relevance < Evidence(-2.0, 4.0, exact=True).relevance < EXACT + 1


# --- the prior ---


def test_the_prior_of_one_file_alone_is_even() -> None:
    assert log_prior(1) == log_prior(0) == 0


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(1, 10**5))
def test_the_prior_falls_with_files_of_the_kind_of_others_and_with_parts(files: int, others: int, parts: int) -> None:
    prior = log_prior(files, others, parts)
    assert log_prior(2 * files, others, parts) < prior <= 0
    assert log_prior(files, others + files, parts) < prior
    assert log_prior(files, others, 2 * parts) < prior


def test_ten_times_as_many_files_are_not_quite_ten_times_as_many_wrong_ones() -> None:
    assert 1 < log_prior(100) - log_prior(1000) < math.log(10)


def test_a_kind_with_few_files_among_many_others_has_a_higher_prior_but_not_as_if_it_were_alone() -> None:
    assert log_prior(1000, 6) < log_prior(6, 1000) < log_prior(6)


# --- words and names ---


def test_words_that_are_rarer_or_more_often_there_say_more() -> None:
    scores = [of_words(WordMatch(score, score), 12.0) for score in (1.0, 3.0, 6.0, 12.0)]
    assert scores == sorted(set(scores)) and scores[0] < 0 < scores[-1]


def test_the_same_score_of_a_longer_query_says_less() -> None:
    assert of_words(WordMatch(5.0, 5.0), 50.0) < of_words(WordMatch(5.0, 5.0), 5.0)


def test_a_name_says_more_the_more_of_the_query_it_holds_and_the_less_else() -> None:
    assert 0 < of_name(named(2.0)) < of_name(named(5.0)) < of_name(named(10.0))
    assert 0 < of_name(named(5.0, precision=0.1)) < of_name(named(5.0, precision=0.9)) < of_name(named(5.0))
    assert of_name(named(5.0, total=20.0)) < of_name(named(5.0, total=5.0))


# --- several ways to be right ---


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=20))
def test_several_passages_say_at_least_what_the_best_says_and_at_most_so_many_times_it(values: list[float]) -> None:
    assert max(values) <= log_sum(values) <= max(values) + math.log(len(values)) + 1e-9


def test_likelihoods_of_passages_are_added_up() -> None:
    assert log_sum([math.log(2.0), math.log(3.0)]) == pytest.approx(math.log(5.0))
    assert log_sum([1000.0, 1000.0]) == pytest.approx(1000.0 + math.log(2.0)), "without an overflow"
