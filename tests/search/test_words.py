"""Words of a query, fusion of rankings, and snippets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmsearch.search.words import MOST_TERMS, fuse, ranks, snippet, terms


def test_terms_are_distinct_words_without_signs() -> None:
    assert terms('Red "red" CAR* NEAR(x) -not: Ärger_2') == ("red", "car", "near", "x", "not", "ärger", "2")
    assert terms("?!") == ()


@given(st.text())
def test_terms_never_hold_a_sign(text: str) -> None:
    found = terms(text)
    assert all(term.isalnum() for term in found)
    assert len(found) <= MOST_TERMS


def test_equal_scores_share_a_rank() -> None:
    assert ranks({"a": 1.0, "b": 3.0, "c": 1.0, "d": 0.5}) == {"b": 1, "a": 2, "c": 2, "d": 4}


def test_fusion_adds_up_reciprocal_ranks() -> None:
    fused = fuse([{"a": 1, "b": 2}, {"b": 1}])
    assert fused == {"a": 1 / 61, "b": 1 / 62 + 1 / 61}


def test_a_snippet_shows_the_stretch_with_most_of_the_words() -> None:
    text = "lead " * 60 + "an engine for a small airship " + "tail " * 60
    shown = snippet(text, ("airship", "engines"))
    assert "engine for a small airship" in shown
    assert shown.startswith("…") and shown.endswith("…") and len(shown) <= 160


def test_a_snippet_without_the_words_is_the_beginning() -> None:
    assert snippet("one two\n three " * 40, ("x",)).startswith("one two three one")


@given(st.text(), st.lists(st.text(min_size=1), max_size=3))
def test_a_snippet_is_one_short_line(text: str, words: list[str]) -> None:
    shown = snippet(text, words)
    assert len(shown) <= 160
    assert len(shown.splitlines()) <= 1
